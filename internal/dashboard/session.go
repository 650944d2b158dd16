package dashboard

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"k8s.io/utils/clock"
)

const (
	// sessionCookie has the prefix __Host-: browsers accept it only with Secure, for this host alone, and for all paths.
	sessionCookie = "__Host-kubeops-session"
	// sessionVersion of the format. A cookie of another version is no session.
	sessionVersion = 1
	// maxSession is how long a session lasts at most.
	maxSession = 8 * time.Hour
	// maxCookie in bytes: browsers drop larger ones without a message.
	maxCookie = 3500
)

// session is the content of the cookie. It contains no token.
type session struct {
	Version int       `json:"v"`
	User    string    `json:"u"`
	Groups  []string  `json:"g,omitempty"`
	Start   time.Time `json:"s"`
	Expires time.Time `json:"e"`
}

// sessions encrypts and decrypts the cookie with AES-256-GCM.
type sessions struct {
	seal  cipher.AEAD
	clock clock.PassiveClock
}

// newSessions takes a key of 32 bytes.
func newSessions(key []byte, now clock.PassiveClock) (*sessions, error) {
	const size = 32
	if len(key) != size {
		return nil, fmt.Errorf("the session key has %d bytes, want %d", len(key), size)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	seal, err := cipher.NewGCM(block)
	return &sessions{seal: seal, clock: now}, err
}

// create returns the cookie of a new session. It ends with the token that the viewer signed in with, if the token has an expiry.
func (s *sessions) create(viewer Viewer, tokenExpires time.Time) (*http.Cookie, error) {
	now := s.clock.Now()
	expires := now.Add(maxSession)
	if !tokenExpires.IsZero() && tokenExpires.Before(expires) {
		expires = tokenExpires
	}
	content, err := json.Marshal(session{Version: sessionVersion, User: viewer.User, Groups: viewer.Groups, Start: now, Expires: expires})
	if err != nil {
		return nil, err
	}
	nonce := make([]byte, s.seal.NonceSize())
	if _, err := rand.Read(nonce); err != nil {
		return nil, err
	}
	value := base64.RawURLEncoding.EncodeToString(s.seal.Seal(nonce, nonce, content, []byte(sessionCookie)))
	if len(value) > maxCookie {
		return nil, errTooManyGroups
	}
	cookie := newCookie(value)
	cookie.MaxAge = int(expires.Sub(now).Seconds())
	return cookie, nil
}

// errTooManyGroups is for people.
var errTooManyGroups = errors.New(
	"the groups of the user do not fit into a cookie of 3500 bytes; sign in as a user with fewer groups")

// removed is the cookie that ends a session.
func removed() *http.Cookie {
	cookie := newCookie("")
	cookie.MaxAge = -1
	return cookie
}

func newCookie(value string) *http.Cookie {
	return &http.Cookie{Name: sessionCookie, Value: value, Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode}
}

// read returns the viewer of a request and when the session ends. It is false without a valid cookie.
func (s *sessions) read(r *http.Request) (session, bool) {
	cookie, err := r.Cookie(sessionCookie)
	if err != nil || len(cookie.Value) > maxCookie {
		return session{}, false
	}
	sealed, err := base64.RawURLEncoding.DecodeString(cookie.Value)
	if err != nil || len(sealed) < s.seal.NonceSize() {
		return session{}, false
	}
	nonce, text := sealed[:s.seal.NonceSize()], sealed[s.seal.NonceSize():]
	content, err := s.seal.Open(nil, nonce, text, []byte(sessionCookie))
	if err != nil {
		return session{}, false
	}
	var found session
	if err := json.Unmarshal(content, &found); err != nil || found.Version != sessionVersion || !s.clock.Now().Before(found.Expires) {
		return session{}, false
	}
	return found, true
}
