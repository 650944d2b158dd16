package rediscache

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"kubeops.io/kubeops/internal/testkit/hostile"
	"kubeops.io/kubeops/internal/testkit/servers"
)

// late is the maximum time of a call, with a reserve for a busy machine.
const late = 8 * time.Second

func open(t *testing.T, options Options) *Cache {
	t.Helper()
	c, err := New(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// file writes a file and returns its path.
func file(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "content")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// get returns one value or nil.
func get(t *testing.T, c *Cache, key string) []byte {
	t.Helper()
	found, err := c.Get(context.Background(), []string{"none", key})
	if err != nil {
		t.Fatal(err)
	}
	if _, there := found["none"]; there {
		t.Errorf("a key that nobody set is there")
	}
	return found[key]
}

func set(t *testing.T, c *Cache, key, value string) {
	t.Helper()
	if err := c.Set(context.Background(), key, []byte(value), time.Hour); err != nil {
		t.Fatal(err)
	}
}

// other is a client of the same server that is not a Cache.
func other(t *testing.T, address string) rueidis.Client {
	t.Helper()
	client, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{address}, ForceSingleClient: true, DisableCache: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

func do(t *testing.T, client rueidis.Client, words ...string) rueidis.RedisResult {
	t.Helper()
	result := client.Do(context.Background(), client.B().Arbitrary(words...).Build())
	if err := result.Error(); err != nil {
		t.Fatal(err)
	}
	return result
}

func TestClientsShareValues(t *testing.T) {
	address, _ := servers.Redis(t, servers.RedisOptions{})
	first, second := open(t, Options{URL: "redis://" + address}), open(t, Options{URL: "redis://" + address})
	elsewhere := open(t, Options{URL: "redis://" + address + "/3"})
	value := "{\"summary\":\"镜像\x00\xff\"}"
	set(t, first, "one", value)
	if got := get(t, second, "one"); string(got) != value {
		t.Errorf("got %q", got)
	}
	if got := get(t, elsewhere, "one"); got != nil {
		t.Errorf("another database has %q", got)
	}
	client := other(t, address)
	if left, err := do(t, client, "PTTL", Prefix+"one").AsInt64(); err != nil || left <= 0 || left > time.Hour.Milliseconds() {
		t.Errorf("it stays for %d ms, %v", left, err)
	}
	var keys []string
	for i := range 300 {
		keys = append(keys, fmt.Sprint("many-", i))
		if i%2 == 0 {
			set(t, second, keys[i], keys[i])
		}
	}
	found, err := first.Get(context.Background(), keys)
	if err != nil || len(found) != 150 || string(found["many-298"]) != "many-298" {
		t.Errorf("got %d of 150, %v", len(found), err)
	}
	if found, err := first.Get(context.Background(), nil); err != nil || len(found) != 0 {
		t.Errorf("got %v, %v", found, err)
	}
}

func TestForeignValuesAreOmitted(t *testing.T) {
	address, _ := servers.Redis(t, servers.RedisOptions{})
	client := other(t, address)
	do(t, client, "RPUSH", Prefix+"list", "a")
	do(t, client, "SETRANGE", Prefix+"huge", fmt.Sprint(100<<20), "x")
	do(t, client, "SET", Prefix+"empty", "")
	do(t, client, "SET", Prefix+"most", strings.Repeat("x", MaxValue))
	do(t, client, "SET", Prefix+"more", strings.Repeat("x", MaxValue+1))
	do(t, client, "SET", Prefix+"nonsense", "\xff\x00")
	do(t, client, "SET", "mine", "another's")
	long := strings.Repeat("k", maxKey+1)
	do(t, client, "SET", Prefix+long, "x")
	found, err := open(
		t,
		Options{URL: "redis://" + address},
	).Get(context.Background(), []string{"list", "huge", "empty", "most", "more", "nonsense", "mine", long, long + "er"})
	if err != nil || len(found) != 2 || len(found["most"]) != MaxValue || string(found["nonsense"]) != "\xff\x00" {
		t.Errorf("got %d values, %v", len(found), err)
	}
}

func TestValuesAreBounded(t *testing.T) {
	address, _ := servers.Redis(t, servers.RedisOptions{})
	c := open(t, Options{URL: "redis://" + address})
	if err := c.Set(context.Background(), "most", make([]byte, MaxValue), time.Hour); err != nil {
		t.Error(err)
	}
	if err := c.Set(context.Background(), "more", make([]byte, MaxValue+1), time.Hour); !errors.Is(err, ErrTooLarge) {
		t.Errorf("got %v", err)
	}
	if err := c.Set(context.Background(), strings.Repeat("k", maxKey+1), []byte("x"), time.Hour); !errors.Is(err, ErrTooLarge) {
		t.Errorf("got %v", err)
	}
	if err := c.Set(context.Background(), "ever", []byte("x"), 0); err == nil {
		t.Error("a value for ever was taken")
	}
	if got := get(t, c, "more"); got != nil {
		t.Errorf("got %d bytes", len(got))
	}
}

func TestRestartedRedisIsUsedAgain(t *testing.T) {
	address, process := servers.Redis(t, servers.RedisOptions{})
	c := open(t, Options{URL: "redis://" + address})
	var passed time.Duration
	c.now = func() time.Time { return time.Now().Add(passed) }
	set(t, c, "one", "1")
	process.Stop()
	began := time.Now()
	if _, err := c.Get(context.Background(), []string{"one"}); err == nil {
		t.Error("a server that is down answered")
	}
	if err := c.Set(context.Background(), "two", []byte("2"), time.Hour); !errors.Is(err, ErrPaused) {
		t.Errorf("got %v: a server that did not answer is left alone for a while", err)
	}
	if took := time.Since(began); took > late {
		t.Errorf("it took %s", took)
	}
	process.Start()
	passed = pause
	if got := get(t, c, "one"); string(got) != "1" { // it saves on the way down
		t.Errorf("got %q", got)
	}
	set(t, c, "two", "2")
}

func TestRedisThatIsDownAtStartIsUsedLater(t *testing.T) {
	address, process := servers.Redis(t, servers.RedisOptions{})
	process.Stop()
	c := open(t, Options{URL: "redis://" + address})
	var passed time.Duration
	c.now = func() time.Time { return time.Now().Add(passed) }
	if err := c.Set(context.Background(), "one", []byte("1"), time.Hour); err == nil || !strings.Contains(err.Error(), address) {
		t.Errorf("got %v", err)
	}
	process.Start()
	passed = pause
	set(t, c, "one", "1")
}

func TestHangingRedisFailsInTime(t *testing.T) {
	address, process := servers.Redis(t, servers.RedisOptions{})
	used, fresh := open(t, Options{URL: "redis://" + address}), open(t, Options{URL: "redis://" + address})
	set(t, used, "one", "1")
	process.Pause()
	defer process.Resume()
	var group sync.WaitGroup
	for name, c := range map[string]*Cache{"connected": used, "not connected": fresh} {
		for range 4 {
			group.Go(func() {
				began := time.Now()
				if _, err := c.Get(context.Background(), []string{"one"}); err == nil {
					t.Errorf("%s: a server that hangs answered", name)
				}
				if err := c.Set(context.Background(), "one", []byte("2"), time.Hour); err == nil {
					t.Errorf("%s: a server that hangs took a value", name)
				}
				if took := time.Since(began); took > late {
					t.Errorf("%s: it took %s", name, took)
				}
			})
		}
	}
	group.Wait()
}

func TestCancelledCallDoesNotPause(t *testing.T) {
	address, _ := servers.Redis(t, servers.RedisOptions{})
	c := open(t, Options{URL: "redis://" + address})
	set(t, c, "one", "1")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := c.Get(ctx, []string{"one"}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if got := get(t, c, "one"); string(got) != "1" {
		t.Errorf("got %q", got)
	}
}

func TestFullRedisStillReturnsValues(t *testing.T) {
	address, _ := servers.Redis(t, servers.RedisOptions{})
	c := open(t, Options{URL: "redis://" + address})
	set(t, c, "one", "1")
	client := other(t, address)
	do(t, client, "CONFIG", "SET", "maxmemory", "1", "maxmemory-policy", "noeviction")
	err := c.Set(context.Background(), "two", bytes.Repeat([]byte("x"), 1000), time.Hour)
	if err == nil || errors.Is(err, ErrPaused) || !strings.Contains(err.Error(), "OOM") {
		t.Errorf("got %v", err)
	}
	if got := get(t, c, "one"); string(got) != "1" {
		t.Errorf("got %q", got)
	}
	do(t, client, "CONFIG", "SET", "maxmemory", "0")
	set(t, c, "two", "2")
}

func TestCredentialsComeFromAFileOrTheEnvironment(t *testing.T) {
	certificate := servers.NewCertificate(t)
	address, _ := servers.Redis(
		t,
		servers.RedisOptions{
			Password:    hostile.Password,
			Certificate: certificate,
			Config:      []string{"user kubeops on >" + hostile.Password + " ~kubeops:explain:* +@all"},
		},
	)
	ca := file(t, string(certificate.CA))
	for name, c := range map[string]struct {
		url, content, username, password string
		works                            bool
	}{
		"a password":            {url: "rediss://" + address, content: hostile.Password + "\n", works: true},
		"a name and a password": {url: "rediss://" + address, content: "kubeops\r\n" + hostile.Password, works: true},
		"a name in the URL":     {url: "rediss://kubeops@" + address, content: hostile.Password, works: true},
		"the environment":       {url: "rediss://" + address, username: "kubeops", password: hostile.Password, works: true},
		"a password there":      {url: "rediss://" + address, password: hostile.Password, works: true},
		"a wrong password":      {url: "rediss://" + address, content: "wrong-horse"},
		"a wrong name":          {url: "rediss://nobody@" + address, content: hostile.Password},
		"nothing":               {url: "rediss://" + address},
		"no TLS":                {url: "redis://" + address, content: hostile.Password},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(EnvUsername, c.username)
			t.Setenv(EnvPassword, c.password)
			options := Options{URL: c.url, CAFile: ca}
			if c.content != "" {
				options.PasswordFile = file(t, c.content)
			}
			cache := open(t, options)
			err := cache.Set(context.Background(), "one", []byte("1"), time.Hour)
			if (err == nil) != c.works || err != nil && strings.Contains(err.Error(), hostile.Password) {
				t.Errorf("got %v", err)
			}
		})
	}
	stranger := open(t, Options{URL: "rediss://" + address, PasswordFile: file(t, hostile.Password)})
	if err := stranger.Set(context.Background(), "one", []byte("1"), time.Hour); err == nil ||
		!strings.Contains(err.Error(), "certificate") {
		t.Errorf("got %v, want an authority that is not trusted", err)
	}
}

func TestInvalidOptionsAreRejected(t *testing.T) {
	for name, options := range map[string]Options{
		"another scheme":        {URL: "http://redis"},
		"a socket":              {URL: "unix:///run/redis.sock"},
		"no host":               {URL: "redis://:6379"},
		"a password":            {URL: "redis://:" + hostile.Password + "@redis"},
		"a query":               {URL: "redis://redis?password=" + hostile.Password},
		"a database by name":    {URL: "redis://redis/zero"},
		"a file that is none":   {URL: "redis://redis", PasswordFile: "/does/not/exist"},
		"an empty file":         {URL: "redis://redis", PasswordFile: file(t, "\n")},
		"a file of three lines": {URL: "redis://redis", PasswordFile: file(t, "a\nb\n"+hostile.Password)},
		"a CA that is none":     {URL: "rediss://redis", CAFile: file(t, "none")},
		"a URL that is none":    {URL: "redis://redis:" + hostile.Password},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := New(options); err == nil || strings.Contains(err.Error(), hostile.Password) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestServerThatIsNotRedisIsAnError(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
			_ = conn.Close()
		}
	}()
	c, err := Open("redis://"+listener.Addr().String(), "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Get(context.Background(), []string{"one"}); err == nil {
		t.Error("it answered")
	}
	c.Close()
	c.Close()
	if err := c.Set(context.Background(), "one", []byte("1"), time.Hour); err == nil {
		t.Error("a closed cache took a value")
	}
}
