package relay

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// What a client may take of the server's time and memory. Bodies have patience
// of their own: see patient.
const (
	headerTimeout  = 5 * time.Second
	idleTimeout    = 2 * time.Minute
	maxHeaderBytes = 32 << 10
	drainTimeout   = 10 * time.Second
)

// Listen opens the configuration's addresses. admin is nil if it has none of
// its own.
func (r *Relay) Listen(ctx context.Context) (clients, admin net.Listener, err error) {
	cfg := r.current.Load().cfg
	var config net.ListenConfig
	if clients, err = config.Listen(ctx, "tcp", cfg.Listen); err != nil {
		return nil, nil, err
	}
	if cfg.Admin == "" {
		return clients, nil, nil
	}
	if admin, err = config.Listen(ctx, "tcp", cfg.Admin); err != nil {
		_ = clients.Close()
		return nil, nil, err
	}
	return clients, admin, nil
}

// Run serves until ctx ends. Then it is not ready any more, answers what is
// under way, for at most 10 s, gives the leases back ([Relay.Close]), and returns
// nil. It closes the listeners; admin may be nil. It may be called once.
func (r *Relay) Run(ctx context.Context, clients, admin net.Listener) error {
	cfg := r.current.Load().cfg
	servers := []*http.Server{r.server(patient{r, patience})}
	listeners := []net.Listener{conns{clients, patience}}
	if cfg.TLS.Cert != "" {
		certificate := certificates{files: cfg.TLS}
		if _, err := certificate.get(nil); err != nil {
			err = errors.Join(fmt.Errorf("tls: %w", err), clients.Close(), r.Close())
			if admin != nil {
				err = errors.Join(err, admin.Close())
			}
			return err
		}
		servers[0].TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: certificate.get}
	}
	if admin != nil {
		servers = append(servers, r.server(patient{r.admin, patience}))
		listeners = append(listeners, conns{admin, patience})
	}
	ended := make(chan error, len(servers))
	for i, server := range servers {
		go func() {
			if server.TLSConfig != nil {
				ended <- server.ServeTLS(listeners[i], "", "")
			} else {
				ended <- server.Serve(listeners[i])
			}
		}()
	}
	var failed error
	running := len(servers)
	select {
	case <-ctx.Done():
	case failed = <-ended:
		running--
	}
	r.leave()
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
	defer cancel()
	for _, server := range servers {
		if err := server.Shutdown(drain); err != nil {
			r.deps.log.Warn("requests were cut off", "error", err)
			_ = server.Close()
		}
	}
	r.subscribers.Wait() // they leave, too; none comes any more
	for range running {
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
			failed = cmp.Or(failed, err)
		}
	}
	if err := r.Close(); err != nil {
		r.deps.log.Warn("a feed did not end well", "error", err)
	}
	if failed != nil {
		return fmt.Errorf("serve: %w", failed)
	}
	return nil
}

func (r *Relay) server(h http.Handler) *http.Server {
	return &http.Server{
		Handler:           h,
		ConnContext:       withConn,
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(r.deps.log.Handler(), slog.LevelDebug), // clients cause it
	}
}
