package relay_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

// crowdVariable has the test's binary be a crowd of subscribers.
const crowdVariable = "HOGFLAGS_TEST_CROWD"

// crowd is the process of the subscribers, as the test sees it.
type crowd struct {
	t   *testing.T
	in  io.Writer
	out *bufio.Scanner
}

func startCrowd(t *testing.T, address string, n int) *crowd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s %d", crowdVariable, address, n))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close() // it ends then
		if err := cmd.Wait(); err != nil {
			t.Errorf("the subscribers' process: %v", err)
		}
	})
	return &crowd{t, in, bufio.NewScanner(out)}
}

// say has the subscribers come, those that are there after they have gone.
func (c *crowd) say(what string) {
	c.t.Helper()
	if _, err := fmt.Fprintln(c.in, what); err != nil {
		c.t.Fatal(err)
	}
}

// hears waits until all have heard of one revision, the one that is wanted if
// there is one, and returns how long it took from the first one to the last.
func (c *crowd) hears(want string) (revision string, took time.Duration) {
	c.t.Helper()
	if !c.out.Scan() {
		c.t.Fatalf("the subscribers are gone: %v", c.out.Err())
	}
	revision, text, _ := strings.Cut(c.out.Text(), " ")
	took, err := time.ParseDuration(text)
	if err != nil || want != "" && revision != want {
		c.t.Fatalf("the subscribers heard %q, want of %s", c.out.Text(), want)
	}
	return revision, took
}

// beCrowd is the process of the subscribers. Each line that comes in has all of
// them connect anew. A line goes out when all have heard of a revision.
func beCrowd(order string) error {
	var address string
	var n int
	if _, err := fmt.Sscanf(order, "%s %d", &address, &n); err != nil {
		return err
	}
	leave := func() {}
	orders := bufio.NewScanner(os.Stdin)
	for orders.Scan() {
		leave()
		var ctx context.Context
		ctx, leave = context.WithCancel(context.Background())
		heard := &hearing{all: n, by: map[string]int{}, since: map[string]time.Time{}}
		dialing := make(chan struct{}, 512) // more would only wait for the system
		for range n {
			go func() {
				dialing <- struct{}{}
				conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
				if err == nil {
					context.AfterFunc(ctx, func() { _ = conn.Close() })
					_, err = fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: relay\r\n\r\n", ofrepStream)
				}
				<-dialing
				if err == nil {
					err = heard.listen(conn)
				}
				if err != nil && ctx.Err() == nil {
					fmt.Println("error", err)
				}
			}()
		}
	}
	leave()
	return orders.Err()
}

// hearing is what subscribers that came together have heard.
type hearing struct {
	mu    sync.Mutex
	all   int
	by    map[string]int       // how many have heard of a revision
	since map[string]time.Time // when the first one did
}

// listen reads a stream for as long as it lasts.
func (h *hearing) listen(conn net.Conn) error {
	in := bufio.NewReaderSize(conn, 1<<10)
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return err
		}
		if id, ok := strings.CutPrefix(strings.TrimSpace(string(line)), "id: "); ok {
			h.hear(id)
		}
	}
}

func (h *hearing) hear(id string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.by[id]++; h.by[id] == 1 {
		h.since[id] = time.Now()
	}
	if h.by[id] == h.all {
		fmt.Println(id, time.Since(h.since[id]))
	}
}
