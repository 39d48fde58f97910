package relay_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/hogflags/hogflags/posthogapi/posthogtest"
	"github.com/hogflags/hogflags/relay"
)

func Example() {
	postHog, err := posthogtest.Start(posthogtest.Config{ // PostHog, in a program
		Definitions: []byte(`{"flags":[{"id":1,"key":"banner","active":true,"filters":{"groups":[{}]}}]}`),
	})
	if err != nil {
		log.Fatal(err)
	}
	defer postHog.Close()
	key, hash := relay.NewKey()
	r, err := relay.New(context.Background(), relay.Config{
		Projects: []relay.Project{{
			Token:     posthogtest.ProjectToken,
			Host:      postHog.URL,
			SecretKey: relay.Source{Value: posthogtest.SecretKey},
			RelayKeys: []string{hash},
		}},
	}, relay.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	if err := r.WaitUntilReady(context.Background()); err != nil {
		log.Fatal(err)
	}

	body := fmt.Sprintf(`{"token":%q,"distinct_id":"ada"}`, posthogtest.ProjectToken)
	req := httptest.NewRequest(http.MethodPost, "/flags?v=2", strings.NewReader(body))
	req.Header.Set("Authorization", "Bearer "+key)
	req.Header.Set("X-Request-Id", "018f2b6e-0000-7000-8000-000000000000")
	answer := httptest.NewRecorder()
	r.ServeHTTP(answer, req)
	flags, _ := io.ReadAll(answer.Body)
	flags, _, _ = bytes.Cut(flags, []byte(`,"evaluatedAt"`))
	fmt.Println(answer.Code, answer.Header().Get("X-Hogflags-Answered"))
	fmt.Println(string(flags))
	// Output:
	// 200 local
	// {"errorsWhileComputingFlags":false,"flags":{"banner":{"key":"banner","enabled":true,"variant":null,"reason":{"code":"condition_match","condition_index":0,"description":"Matched condition set 1"},"metadata":{"id":1,"version":0,"description":null,"payload":null,"has_experiment":false}}},"requestId":"018f2b6e-0000-7000-8000-000000000000"
}
