package elasticsearch_test

import (
	"os"
	"sync"
	"testing"
	"time"

	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/provider/logs"
	"kubeops.io/kubeops/internal/provider/logs/elasticsearch"
	"kubeops.io/kubeops/internal/testkit/servers"
)

// Both servers take most of a minute to start: each is started by the first test that needs it, and serves all of them.
var (
	shared servers.Shared
	old    = &lazy{start: func(t testing.TB) (string, *servers.Process) {
		return servers.Elasticsearch(t, servers.ElasticsearchOptions{Password: password})
	}}
	open = &lazy{start: servers.OpenSearch}
)

// password of the user elastic of the tests' Elasticsearch.
const password = "first-of-the-tests"

func TestMain(m *testing.M) {
	code := m.Run()
	shared.Close()
	os.Exit(code)
}

type lazy struct {
	mu      sync.Mutex
	start   func(testing.TB) (string, *servers.Process)
	url     string
	process *servers.Process
}

func (l *lazy) get(t testing.TB) (url string, process *servers.Process) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.url == "" {
		l.url, l.process = l.start(shared.For(t))
	}
	return l.url, l.process
}

// settings for a server of the tests, with its own indices.
func settings(url, index string) indexed {
	return indexed{
		Settings: logs.Settings{
			Endpoint: provider.Endpoint{URL: url},
			Timeout:  30 * time.Second,
			Egress:   provider.Egress{AllowLoopback: true},
		},
		Config: elasticsearch.Config{Index: index + "*", WriteIndex: index},
	}
}

// indexed settings.
type indexed struct {
	logs.Settings
	elasticsearch.Config
}

func (s indexed) open() (logs.Provider, error) { return s.Config.Open(s.Settings) }

func secured(url, index, with string) indexed {
	s := settings(url, index)
	s.Endpoint.Auth = provider.Auth{Username: "elastic", Password: with}
	return s
}

func backend(t testing.TB, s indexed) *elasticsearch.Provider {
	t.Helper()
	p, err := s.open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p.(*elasticsearch.Provider)
}
