// Package rediscache caches explanations in Redis, shared by replicas and clusters. It is optional: callers work without it if Redis is
// down, slow, full or not a Redis, which all give an error within a fixed time.
//
// The administrator trusts the server, but not its content: others may have written values, so callers validate them.
package rediscache

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/rueidis"

	"kubeops.io/kubeops/internal/explain/rediscache/redisurl"
)

// Prefix of all keys in Redis. Its version changes with the format of the values.
const Prefix = "kubeops:explain:v1:"

const (
	// MaxValue is the maximum size of a value in bytes.
	MaxValue = 64 << 10
	// maxKey is the maximum size of a key in bytes, without the prefix.
	maxKey = 256
	// deadline of a call, including connecting.
	deadline = 2 * time.Second
	// pause after a server did not answer.
	pause = 10 * time.Second
	// batch of keys per request.
	batch = 64
)

// Environment variables with the user name and password, used without a password file.
const (
	EnvUsername = "KUBEOPS_CACHE_REDIS_USERNAME"
	EnvPassword = redisurl.EnvPassword
)

// Errors that do not come from the server.
var (
	// ErrTooLarge: the value is larger than MaxValue, or the key is too long.
	ErrTooLarge = errors.New("key or value too large for the cache")
	// ErrPaused: the server did not answer recently, and is not contacted again yet.
	ErrPaused = errors.New("no answer recently; paused")
)

// Options of a cache.
type Options struct {
	// URL is redis://[USER@]HOST[:PORT][/DB], or rediss:// for TLS, without a password. Default port 6379 and DB 0.
	URL string
	// PasswordFile contains the password, or the user name and password on two lines. It is read for each connection. Default: the
	// environment variables EnvUsername and EnvPassword.
	PasswordFile string
	// CAFile in PEM for rediss. Default: the system's certificates.
	CAFile string
}

// Cache in Redis. It is safe for concurrent use.
type Cache struct {
	options rueidis.ClientOption
	server  string

	mutex  sync.Mutex
	client rueidis.Client
	closed bool
	// until is the end of the pause after the server did not answer.
	until time.Time
	now   func() time.Time
}

// Open creates a cache with a password file; see New.
func Open(address, passwordFile string) (*Cache, error) {
	return New(Options{URL: address, PasswordFile: passwordFile})
}

// New validates the options. It does not connect yet: a Redis that is down when the manager starts is used once it is up.
func New(options Options) (*Cache, error) {
	base, err := url.Parse(options.URL)
	switch {
	case err != nil || (base.Scheme != "redis" && base.Scheme != "rediss") || base.Hostname() == "":
		return nil, errors.New("cache URL: must start with redis:// or rediss:// and contain a host")
	case base.RawQuery != "" || base.Fragment != "":
		return nil, errors.New("cache URL: must not contain a query or fragment")
	}
	if _, has := base.User.Password(); has {
		return nil, errors.New("cache URL: must not contain a password, which is visible on the command line; " +
			"use a password file or " + EnvPassword)
	}
	database := 0
	if path := strings.Trim(base.Path, "/"); path != "" {
		if database, err = strconv.Atoi(path); err != nil || database < 0 {
			return nil, errors.New("cache URL: the path must be a database number")
		}
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
		InitAddress: []string{c.server}, SelectDB: database, ClientName: "kubeops", ForceSingleClient: true,
		DisableCache: true, DisableRetry: true,
		PipelineMultiplex: -1, RingScaleEachConn: 8, ReadBufferEachConn: 64 << 10, WriteBufferEachConn: 64 << 10,
		ClientSetInfo: rueidis.DisableClientSetInfo, ConnWriteTimeout: deadline,
		Dialer:            net.Dialer{Timeout: deadline / 2, KeepAlive: 30 * time.Second}, // the other half is for the login
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
		return nil, fmt.Errorf("read CA of the cache: %w", err)
	}
	config.RootCAs = x509.NewCertPool()
	if !config.RootCAs.AppendCertsFromPEM(content) {
		return nil, fmt.Errorf("%s contains no PEM certificate", file)
	}
	return config, nil
}

// login reads credentials from a file or the environment.
type login struct{ username, file string }

func (l login) read() (rueidis.AuthCredentials, error) {
	username, password := os.Getenv(EnvUsername), os.Getenv(EnvPassword)
	if l.file != "" {
		content, err := os.ReadFile(l.file)
		if err != nil {
			return rueidis.AuthCredentials{}, fmt.Errorf("read password of the cache: %w", err)
		}
		lines := strings.Split(strings.TrimRight(string(content), "\r\n"), "\n")
		username = ""
		password = lines[len(lines)-1]
		if len(lines) > 2 || password == "" {
			return rueidis.AuthCredentials{}, fmt.Errorf("%s must contain a password, or a user name and a password on two lines", l.file)
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

// Get returns the values of keys. It omits keys that do not exist, are not strings, or are larger than MaxValue. With an error, it
// returns the values read so far.
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
		chunk := keys[:min(len(keys), batch)]
		keys = keys[len(chunk):]
		commands := make(rueidis.Commands, len(chunk))
		for i, key := range chunk {
			// GETRANGE bounds the response, whatever the size of the value.
			commands[i] = client.B().Getrange().Key(Prefix + bounded(key)).Start(0).End(MaxValue).Build()
		}
		for i, result := range client.DoMulti(ctx, commands...) {
			value, err := result.AsBytes()
			if redisErr, ok := rueidis.IsRedisErr(err); ok && strings.HasPrefix(redisErr.Error(), "WRONGTYPE") {
				continue
			}
			if err != nil {
				return found, c.checkResult(ctx, err)
			}
			if len(value) > 0 && len(value) <= MaxValue && len(chunk[i]) <= maxKey {
				found[chunk[i]] = value
			}
		}
	}
	return found, nil
}

// bounded truncates a key that is too long: it has no value anyway.
func bounded(key string) string { return key[:min(len(key), maxKey+1)] }

// Set stores a value for a time of at least a millisecond.
func (c *Cache) Set(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	if len(value) > MaxValue || len(key) > maxKey {
		return ErrTooLarge
	}
	if ttl < time.Millisecond || len(value) == 0 {
		return errors.New("cache: the value must not be empty, and the TTL must be at least a millisecond")
	}
	ctx, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	client, err := c.connected(ctx)
	if err != nil {
		return err
	}
	return c.checkResult(ctx, client.Do(ctx, client.B().Set().Key(Prefix+key).Value(rueidis.BinaryString(value)).Px(ttl).Build()).Error())
}

// connected returns the client, which is created on first use and reconnects automatically.
func (c *Cache) connected(ctx context.Context) (rueidis.Client, error) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	switch {
	case c.closed:
		return nil, rueidis.ErrClosing
	case c.now().Before(c.until):
		return nil, fmt.Errorf("Redis at %s: %w", c.server, ErrPaused) //nolint:staticcheck // a name
	case c.client != nil:
		return c.client, nil
	}
	client, err := rueidis.NewClient(c.options)
	if err != nil {
		c.until = c.now().Add(pause)
		return nil, c.wrap(err)
	}
	if err := ctx.Err(); err != nil {
		client.Close()
		return nil, c.wrap(err)
	}
	c.client = client
	return client, nil
}

// checkResult wraps an error, and pauses if the server did not answer. It does not pause if the server returned an error or the caller
// cancelled.
func (c *Cache) checkResult(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if _, answered := rueidis.IsRedisErr(err); !answered && !errors.Is(ctx.Err(), context.Canceled) {
		c.mutex.Lock()
		c.until = c.now().Add(pause)
		c.mutex.Unlock()
	}
	return c.wrap(err)
}

func (c *Cache) wrap(err error) error {
	return fmt.Errorf("Redis at %s: %w", c.server, err) //nolint:staticcheck // a name
}

// Close closes all connections.
func (c *Cache) Close() {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.closed = true
	if c.client != nil {
		c.client.Close()
		c.client = nil
	}
}
