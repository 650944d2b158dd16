// Package rediscache keeps explanations in a Redis, so that replicas and clusters share them. It is an addition: whoever uses it
// falls back when Redis is down, slow, full or foreign, all of which are errors within a fixed time, and nothing more.
//
// The server is the administrator's choice, unlike what stands in it: values are bytes that somebody else may have written, and
// are checked by whoever reads them.
package rediscache

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/redis/rueidis"

	"kubeops.io/kubeops/internal/explain/rediscache/redisurl"
)

// Prefix of all keys in Redis. Its version changes with the form of the values.
const Prefix = "kubeops:explain:v1:"

// Bounds: a value, a key without its prefix, the time of one call with connecting, and the time for which a server that did not
// answer is left alone.
const (
	MostValue = 64 << 10
	mostKey   = 256
	deadline  = 2 * time.Second
	rest      = 10 * time.Second
	// batch of keys that are asked for at once.
	batch = 64
)

// Names of environment variables with the name and the password to log in with, where no file is given.
const (
	EnvUsername = "KUBEOPS_CACHE_REDIS_USERNAME"
	EnvPassword = redisurl.EnvPassword
)

// Errors that say that it is the caller's own.
var (
	// ErrTooLarge is a value of more than MostValue, or a key that is too long.
	ErrTooLarge = errors.New("more than the cache keeps")
	// ErrResting is a server that did not answer a moment ago, and is not asked yet.
	ErrResting = errors.New("it did not answer a moment ago")
)

// Options of a cache.
type Options struct {
	// URL is redis://HOST[:PORT][/DB], or rediss:// for TLS. It may name a user, and holds no password. Default port 6379, and DB 0.
	URL string
	// PasswordFile holds the password, or the name and the password on two lines. It is read anew for each connection. Without it,
	// the environment is asked: EnvUsername and EnvPassword.
	PasswordFile string
	// CAFile in PEM, for rediss. Default: the system's certificates.
	CAFile string
}

// Cache in a Redis. It is safe for concurrent use.
type Cache struct {
	options rueidis.ClientOption
	server  string

	mutex  sync.Mutex
	client rueidis.Client
	closed bool
	// until is when a server that did not answer may be asked again.
	until time.Time
	now   func() time.Time
}

// Open a cache with the password of a file; see New.
func Open(address, passwordFile string) (*Cache, error) {
	return New(Options{URL: address, PasswordFile: passwordFile})
}

// New checks the options, and connects nothing yet: a Redis that is down when the manager starts is used when it is back.
func New(options Options) (*Cache, error) {
	base, database, err := redisurl.Parse(options.URL)
	if err != nil {
		return nil, err
	}
	port := base.Port()
	if port == "" {
		port = "6379"
	}
	c := &Cache{server: net.JoinHostPort(base.Hostname(), port), now: time.Now}
	login := login{username: base.User.Username(), file: options.PasswordFile}
	if _, err := login.read(); err != nil {
		return nil, err
	}
	c.options = rueidis.ClientOption{
		InitAddress: []string{c.server}, SelectDB: database, ClientName: "kubeops", ForceSingleClient: true, DisableCache: true, DisableRetry: true,
		PipelineMultiplex: -1, RingScaleEachConn: 8, ReadBufferEachConn: 64 << 10, WriteBufferEachConn: 64 << 10,
		ClientSetInfo: rueidis.DisableClientSetInfo, ConnWriteTimeout: deadline,
		Dialer:            net.Dialer{Timeout: deadline / 2, KeepAlive: 30 * time.Second}, // half to connect, and half to log in
		AuthCredentialsFn: func(rueidis.AuthCredentialsContext) (rueidis.AuthCredentials, error) { return login.read() },
	}
	if base.Scheme == "rediss" {
		if c.options.TLSConfig, err = secure(base.Hostname(), options.CAFile); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func secure(host, file string) (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: host}
	if file == "" {
		return config, nil
	}
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read the CA of the cache: %w", err)
	}
	config.RootCAs = x509.NewCertPool()
	if !config.RootCAs.AppendCertsFromPEM(content) {
		return nil, fmt.Errorf("%s holds no certificate in PEM form", file)
	}
	return config, nil
}

// login by a file or the environment.
type login struct{ username, file string }

func (l login) read() (rueidis.AuthCredentials, error) {
	username, password := os.Getenv(EnvUsername), os.Getenv(EnvPassword)
	if l.file != "" {
		content, err := os.ReadFile(l.file)
		if err != nil {
			return rueidis.AuthCredentials{}, fmt.Errorf("read the password of the cache: %w", err)
		}
		lines := strings.Split(strings.TrimRight(string(content), "\r\n"), "\n")
		username, password = "", lines[len(lines)-1]
		if len(lines) > 2 || password == "" {
			return rueidis.AuthCredentials{}, fmt.Errorf("%s must hold a password, or a name and a password on two lines", l.file)
		}
		if len(lines) == 2 {
			username = strings.TrimRight(lines[0], "\r")
		}
	}
	if l.username != "" {
		username = l.username
	}
	return rueidis.AuthCredentials{Username: username, Password: password}, nil
}

// Get the values of keys. A key that is not there, that holds something else than a string, or more than MostValue, is left out.
// With an error, what was read until then is returned, too.
func (c *Cache) Get(ctx context.Context, keys []string) (map[string][]byte, error) {
	found := map[string][]byte{}
	if len(keys) == 0 {
		return found, nil
	}
	ctx, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	client, err := c.connected(ctx)
	if err != nil {
		return found, err
	}
	for len(keys) > 0 {
		some := keys[:min(len(keys), batch)]
		keys = keys[len(some):]
		commands := make(rueidis.Commands, len(some))
		for i, key := range some {
			// A range instead of the value bounds what comes, whatever somebody put there.
			commands[i] = client.B().Getrange().Key(Prefix + bounded(key)).Start(0).End(MostValue).Build()
		}
		for i, result := range client.DoMulti(ctx, commands...) {
			value, err := result.AsBytes()
			if foreign, is := rueidis.IsRedisErr(err); is && strings.HasPrefix(foreign.Error(), "WRONGTYPE") {
				continue
			}
			if err != nil {
				return found, c.failed(ctx, err)
			}
			if len(value) > 0 && len(value) <= MostValue && len(some[i]) <= mostKey {
				found[some[i]] = value
			}
		}
	}
	return found, nil
}

// bounded key: one that is too long has no value, and need not be sent whole.
func bounded(key string) string { return key[:min(len(key), mostKey+1)] }

// Set a value for a time, which must be at least a millisecond.
func (c *Cache) Set(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	if len(value) > MostValue || len(key) > mostKey {
		return ErrTooLarge
	}
	if ttl < time.Millisecond || len(value) == 0 {
		return errors.New("the cache keeps values, and each for at least a millisecond")
	}
	ctx, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	client, err := c.connected(ctx)
	if err != nil {
		return err
	}
	return c.failed(ctx, client.Do(ctx, client.B().Set().Key(Prefix+key).Value(rueidis.BinaryString(value)).Px(ttl).Build()).Error())
}

// connected is the client, which is made when it is first needed, and which connects anew by itself.
func (c *Cache) connected(ctx context.Context) (rueidis.Client, error) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	switch {
	case c.closed:
		return nil, rueidis.ErrClosing
	case c.now().Before(c.until):
		return nil, fmt.Errorf("Redis at %s: %w", c.server, ErrResting) //nolint:staticcheck // a name
	case c.client != nil:
		return c.client, nil
	}
	client, err := rueidis.NewClient(c.options)
	if err != nil {
		c.until = c.now().Add(rest)
		return nil, c.wording(err)
	}
	if err := ctx.Err(); err != nil {
		client.Close()
		return nil, c.wording(err)
	}
	c.client = client
	return client, nil
}

// failed words an error, and leaves a server alone that did not answer. One that answered with an error did. A caller that gave up by
// itself says nothing about the server.
func (c *Cache) failed(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if _, answered := rueidis.IsRedisErr(err); !answered && !errors.Is(ctx.Err(), context.Canceled) {
		c.mutex.Lock()
		c.until = c.now().Add(rest)
		c.mutex.Unlock()
	}
	return c.wording(err)
}

func (c *Cache) wording(err error) error {
	return fmt.Errorf("Redis at %s: %w", c.server, err) //nolint:staticcheck // a name
}

// Close lets go of connections.
func (c *Cache) Close() {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.closed = true
	if c.client != nil {
		c.client.Close()
		c.client = nil
	}
}
