package dashboard

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/lru"

	"kubeops.io/kubeops/internal/apierror"
)

const (
	// maxToken in bytes. Tokens of providers with many groups have some KiB.
	maxToken = 16 << 10
	// reviewedFor is how long the result of a TokenReview is used.
	reviewedFor = 30 * time.Second
	maxReviews  = 1000
)

// errRejected is the answer to a token that the API server does not accept.
type errRejected struct{ detail string }

func (e errRejected) Error() string { return e.detail }

// identity is an authenticated viewer, until a time. The zero time is no limit.
type identity struct {
	viewer  Viewer
	expires time.Time
	// session of a viewer who signed in. Nil for a bearer token.
	session *session
}

// tokens reviews bearer tokens, and remembers results by the hash of the token.
type tokens struct {
	server  *Server
	reviews *lru.Cache // of [32]byte to review
}

type review struct {
	identity
	rejected string
	until    time.Time
}

// review authenticates a token with the API server.
func (t *tokens) review(ctx context.Context, token string) (identity, error) {
	hash := sha256.Sum256([]byte(token))
	now := t.server.options.Clock.Now()
	found, ok := t.reviews.Get(hash)
	if !ok || !now.Before(found.(review).until) {
		reviewed, err := t.ask(ctx, token)
		if err != nil {
			return identity{}, err
		}
		reviewed.until = now.Add(reviewedFor)
		t.reviews.Add(hash, reviewed)
		found = reviewed
	}
	if rejected := found.(review).rejected; rejected != "" {
		return identity{}, errRejected{rejected}
	}
	return found.(review).identity, nil
}

func (t *tokens) ask(ctx context.Context, token string) (review, error) {
	request := &authenticationv1.TokenReview{Spec: authenticationv1.TokenReviewSpec{Token: token}}
	answer, err := t.server.cluster.own.AuthenticationV1().TokenReviews().Create(ctx, request, metav1.CreateOptions{})
	if err != nil {
		return review{}, err
	}
	if !answer.Status.Authenticated {
		return review{rejected: "The API server does not accept the token. It may have expired: create another one."}, nil
	}
	viewer := Viewer{User: answer.Status.User.Username, Groups: answer.Status.User.Groups}
	return review{identity: identity{viewer: viewer, expires: expiry(token)}, rejected: viewer.refusal()}, nil
}

// expiry of a JSON Web Token that the API server has accepted. Other tokens have none.
func expiry(token string) time.Time {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return time.Time{}
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return time.Time{}
	}
	var claims struct {
		Exp float64 `json:"exp"`
	}
	if json.Unmarshal(payload, &claims) != nil || claims.Exp <= 0 || claims.Exp > 1e11 {
		return time.Time{}
	}
	return time.Unix(int64(claims.Exp), 0)
}

// identify authenticates a request: by its bearer token, or by the cookie of a session.
func (s *Server) identify(r *http.Request) (identity, error) {
	if s.options.InsecureLocal {
		return identity{viewer: Viewer{User: s.localUser, Groups: s.localGroups, Own: true}}, nil
	}
	if header := r.Header.Get("Authorization"); header != "" {
		scheme, token, _ := strings.Cut(header, " ")
		if !strings.EqualFold(scheme, "Bearer") || token == "" || len(token) > maxToken {
			return identity{}, errRejected{"The header Authorization is not a bearer token."}
		}
		if !s.requests.allow("address " + remoteIP(r)) {
			return identity{}, errTooMany{}
		}
		return s.tokens.review(r.Context(), token)
	}
	found, ok := s.sessions.read(r)
	// With a session key from a file, sessions outlive a configuration that trusts another provider or requires another factor.
	if !ok || found.Issuer != "" && (s.openID == nil || !s.openID.Accepts(found.Issuer, found.ACR, found.AMR)) {
		return identity{}, errRejected{"Sign in."}
	}
	viewer := Viewer{User: found.User, Groups: found.Groups}
	if refusal := viewer.refusal(); refusal != "" {
		return identity{}, errRejected{refusal}
	}
	return identity{viewer, found.Expires, &found}, nil
}

// errTooMany is the answer to a client that sends more requests than a person does.
type errTooMany struct{}

func (errTooMany) Error() string { return "Too many requests. Try again in a few seconds." }

// authenticated passes requests with an identity, and answers others with 401.
func (s *Server) authenticated(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		found, err := s.identify(r)
		if err == nil && !s.requests.allow(found.viewer.key()) {
			err = errTooMany{}
		}
		if err != nil {
			s.refuse(w, r, err)
			return
		}
		info(r.Context()).viewer = found.viewer.User
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), viewerKey, found)))
	})
}

func (s *Server) refuse(w http.ResponseWriter, r *http.Request, err error) {
	var rejected errRejected
	switch {
	case errors.As(err, &errTooMany{}):
		w.Header().Set("Retry-After", "5")
		writeProblem(w, r, http.StatusTooManyRequests, err.Error())
	case errors.As(err, &rejected):
		writeProblem(w, r, http.StatusUnauthorized, rejected.detail)
	default:
		s.options.Logger.Error(err, "Cannot review a token", "requestID", info(r.Context()).id)
		writeProblem(w, r, http.StatusBadGateway, "The dashboard cannot review the token ("+apierror.Describe(err)+").")
	}
}

// identityOf an authenticated request.
func identityOf(ctx context.Context) identity {
	found, _ := ctx.Value(viewerKey).(identity)
	return found
}

// signIn exchanges a token for a session. The token is not kept.
func (s *Server) signIn(w http.ResponseWriter, r *http.Request) {
	if s.options.InsecureLocal {
		writeProblem(w, r, http.StatusConflict, "With --insecure-local, there is no sign-in.")
		return
	}
	if !s.signIns.allow(remoteIP(r)) {
		s.refuse(w, r, errTooMany{})
		return
	}
	var body struct {
		Token string `json:"token"`
	}
	const most = maxToken + 1024
	decoder := json.NewDecoder(io.LimitReader(r.Body, most))
	if err := decoder.Decode(&body); err != nil || strings.TrimSpace(body.Token) == "" || len(body.Token) > maxToken {
		writeProblem(w, r, http.StatusBadRequest, "The request has no token, or one over 16 KiB.")
		return
	}
	found, err := s.tokens.review(r.Context(), strings.TrimSpace(body.Token))
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	info(r.Context()).viewer = found.viewer.User
	cookies, err := s.sessions.create(session{User: found.viewer.User, Groups: found.viewer.Groups}, found.expires)
	if err != nil {
		writeProblem(w, r, http.StatusUnprocessableEntity, err.Error())
		return
	}
	setCookies(w, cookies)
	w.WriteHeader(http.StatusNoContent)
}

func setCookies(w http.ResponseWriter, cookies []*http.Cookie) {
	for _, cookie := range cookies {
		http.SetCookie(w, cookie)
	}
}

// signOut removes the session from the browser. If it is of a provider, the answer says where the provider's own session ends.
func (s *Server) signOut(w http.ResponseWriter, r *http.Request) {
	found, _ := s.sessions.read(r)
	setCookies(w, removed())
	address := ""
	if s.openID != nil && found.Issuer == s.openID.Issuer() {
		address = s.openID.EndSession(r.Context())
	}
	if address == "" {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	writeJSON(w, struct {
		Redirect string `json:"redirect"`
	}{address})
}
