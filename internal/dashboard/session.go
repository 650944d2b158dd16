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
	"slices"
	"strconv"
	"strings"
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
	// maxCookie in bytes: browsers drop larger ones without a message. A longer session is in several cookies, maxParts at most.
	maxCookie = 3500
	maxParts  = 4
)

// session is the content of the cookies. It contains no token.
type session struct {
	Version int       `json:"v"`
	User    string    `json:"u"`
	Groups  []string  `json:"g,omitempty"`
	Start   time.Time `json:"s"`
	Expires time.Time `json:"e"`
	// Issuer at which the viewer signed in, with the context and the methods of the sign-in. Empty after a sign-in with a token.
	Issuer string   `json:"i,omitempty"`
	ACR    string   `json:"c,omitempty"`
	AMR    []string `json:"m,omitempty"`
}

// sessions encrypts and decrypts cookies with AES-256-GCM.
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

// create returns the cookies of a new session. It ends with the token that the viewer signed in with, if the token has an expiry.
func (s *sessions) create(content session, tokenExpires time.Time) ([]*http.Cookie, error) {
	now := s.clock.Now()
	content.Version = sessionVersion
	content.Start = now
	content.Expires = now.Add(maxSession)
	if !tokenExpires.IsZero() && tokenExpires.Before(content.Expires) {
		content.Expires = tokenExpires
	}
	value, err := s.encrypt(content, sessionCookie)
	if err != nil {
		return nil, err
	}
	parts := slices.Collect(slices.Chunk([]byte(value), maxCookie-len("4.")))
	if len(parts) > maxParts {
		return nil, errTooManyGroups
	}
	cookies := make([]*http.Cookie, 0, maxParts)
	for i, part := range parts {
		text := string(part)
		if i == 0 { // a cookie of an earlier session can be left
			text = strconv.Itoa(len(parts)) + "." + text
		}
		cookie := newCookie(partName(i), text)
		cookie.MaxAge = int(content.Expires.Sub(now).Seconds())
		cookies = append(cookies, cookie)
	}
	return cookies, nil
}

// partName of a cookie of a session.
func partName(i int) string {
	if i == 0 {
		return sessionCookie
	}
	return sessionCookie + "-" + strconv.Itoa(i)
}

// encrypt a value for one purpose: it is of no use for another.
func (s *sessions) encrypt(value any, purpose string) (string, error) {
	content, err := json.Marshal(value)
	if err != nil {
		return "", err
	}
	nonce := make([]byte, s.seal.NonceSize())
	if _, err := rand.Read(nonce); err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(s.seal.Seal(nonce, nonce, content, []byte(purpose))), nil
}

// decrypt what encrypt returned for the same purpose.
func (s *sessions) decrypt(text, purpose string, into any) bool {
	sealed, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(sealed) < s.seal.NonceSize() {
		return false
	}
	content, err := s.seal.Open(nil, sealed[:s.seal.NonceSize()], sealed[s.seal.NonceSize():], []byte(purpose))
	return err == nil && json.Unmarshal(content, into) == nil
}

// errTooManyGroups is for people.
var errTooManyGroups = errors.New(
	"the groups of the user do not fit into cookies of 14000 bytes; sign in as a user with fewer groups")

// removed are the cookies that end a session.
func removed() []*http.Cookie {
	cookies := make([]*http.Cookie, maxParts)
	for i := range cookies {
		cookies[i] = newCookie(partName(i), "")
		cookies[i].MaxAge = -1
	}
	return cookies
}

func newCookie(name, value string) *http.Cookie {
	return &http.Cookie{Name: name, Value: value, Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode}
}

// read returns the session of a request. It is false without valid cookies.
func (s *sessions) read(r *http.Request) (session, bool) {
	var value strings.Builder
	parts := 1
	for i := 0; i < parts; i++ {
		cookie, err := r.Cookie(partName(i))
		if err != nil || len(cookie.Value) > maxCookie {
			return session{}, false
		}
		text := cookie.Value
		if i == 0 {
			count, rest, _ := strings.Cut(text, ".")
			if parts, err = strconv.Atoi(count); err != nil || parts < 1 || parts > maxParts {
				return session{}, false
			}
			text = rest
		}
		value.WriteString(text)
	}
	var found session
	valid := s.decrypt(value.String(), sessionCookie, &found) && found.Version == sessionVersion && s.clock.Now().Before(found.Expires)
	return found, valid
}
