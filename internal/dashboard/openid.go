package dashboard

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"kubeops.io/kubeops/internal/dashboard/openid"
)

const (
	// pathSignInMethods says how viewers can sign in.
	pathSignInMethods = "/signin/methods"
	// pathSignInOpenID redirects to the provider.
	pathSignInOpenID = "/signin/openid"
	// flowCookie has the sign-in in progress.
	flowCookie = "__Host-kubeops-signin"
	// atBase is the parameter of a sign-in that was sent to the base URL.
	atBase = "base"
	// maxFlow is how long a sign-in can take.
	maxFlow = 10 * time.Minute
	// maxPage is the length of an address to which a sign-in returns, in bytes.
	maxPage = 1500
)

// Codes of failed sign-ins, beside those of package openid.
const (
	codeReserved openid.Code = "reserved"
	codeSize     openid.Code = "size"
)

// signInFlow is a sign-in in progress, and the page that it returns to.
type signInFlow struct {
	openid.Flow
	Page    string    `json:"p"`
	Expires time.Time `json:"e"`
}

// signInMethods needs no sign-in.
func (s *Server) signInMethods(w http.ResponseWriter, _ *http.Request) {
	var methods struct {
		// Provider is the host of the issuer. Empty without OpenID Connect.
		Provider string `json:"provider"`
	}
	if s.openID != nil {
		if issuer, err := url.Parse(s.openID.Issuer()); err == nil {
			methods.Provider = issuer.Host
		}
	}
	writeJSON(w, methods)
}

func writeJSON(w http.ResponseWriter, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(body) // the viewer has gone
}

// mayUseOpenID answers requests that are not to be served: where no provider is configured, and of addresses that ask too often.
func (s *Server) mayUseOpenID(w http.ResponseWriter, r *http.Request) bool {
	w.Header().Set("Cache-Control", "no-store")
	if s.openID == nil || s.options.InsecureLocal {
		writeProblem(w, r, http.StatusNotFound, "Sign-in by OpenID Connect is not configured: set --oidc-issuer-url.")
		return false
	}
	if !s.requests.allow("address " + remoteIP(r)) {
		s.refuse(w, r, errTooMany{})
		return false
	}
	return true
}

// beginOpenID sends the browser to the provider. Parameter page is where to return to, and silent=true asks for no input.
func (s *Server) beginOpenID(w http.ResponseWriter, r *http.Request) {
	if !s.mayUseOpenID(w, r) {
		return
	}
	query := r.URL.Query()
	base, err := url.Parse(s.openID.BaseURL())
	if err == nil && !strings.EqualFold(base.Host, r.Host) && !query.Has(atBase) {
		// The provider returns to the base URL, and the cookie must be of the same host. A proxy can hide that it is: once is enough.
		query.Set(atBase, "true")
		http.Redirect(w, r, s.openID.BaseURL()+pathSignInOpenID+"?"+query.Encode(), http.StatusSeeOther)
		return
	}
	address, flow, err := s.openID.Begin(r.Context(), query.Get("silent") == "true")
	if err != nil {
		s.signInFailed(w, r, err)
		return
	}
	value, err := s.sessions.encrypt(signInFlow{flow, pageOf(query.Get("page")), s.now().Add(maxFlow)}, flowCookie)
	if err != nil {
		s.signInFailed(w, r, err)
		return
	}
	cookie := newCookie(flowCookie, value)
	cookie.MaxAge = int(maxFlow.Seconds())
	http.SetCookie(w, cookie)
	http.Redirect(w, r, address, http.StatusSeeOther)
}

// pageOf is a path of the dashboard, with its query. Anything else is the overview: a link must not lead to another site.
func pageOf(text string) string {
	parsed, err := url.Parse(text)
	if err != nil || len(text) > maxPage || parsed.IsAbs() || parsed.Host != "" || parsed.Opaque != "" || parsed.User != nil {
		return "/"
	}
	path := parsed.EscapedPath()
	if !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") || strings.ContainsAny(text, "\\\r\n") ||
		isAPI(path) || strings.HasPrefix(path, pathSignIn) {
		return "/"
	}
	return (&url.URL{Path: parsed.Path, RawPath: parsed.RawPath, RawQuery: parsed.RawQuery}).String()
}

// finishOpenID gets what the provider returns, and creates the session.
func (s *Server) finishOpenID(w http.ResponseWriter, r *http.Request) {
	if !s.mayUseOpenID(w, r) {
		return
	}
	var flow signInFlow
	cookie, err := r.Cookie(flowCookie)
	if err != nil || !s.sessions.decrypt(cookie.Value, flowCookie, &flow) || !s.now().Before(flow.Expires) {
		flow = signInFlow{} // it has no state, which matches none
	}
	used := newCookie(flowCookie, "")
	used.MaxAge = -1
	http.SetCookie(w, used) // each state is for one attempt
	found, err := s.openID.Finish(r.Context(), flow.Flow, r.URL.Query())
	if err != nil {
		s.signInFailed(w, r, err)
		return
	}
	viewer := Viewer{User: found.User, Groups: found.Groups}
	info(r.Context()).viewer = viewer.User
	if refusal := viewer.refusal(); refusal != "" {
		s.signInRefused(w, r, codeReserved, refusal)
		return
	}
	cookies, err := s.sessions.create(session{
		User: viewer.User, Groups: viewer.Groups, Issuer: s.openID.Issuer(), ACR: found.ACR, AMR: found.AMR,
	}, time.Time{})
	if err != nil {
		s.signInRefused(w, r, codeSize, err.Error())
		return
	}
	setCookies(w, cookies)
	s.options.Logger.Info("Signed in", "user", viewer.User, "issuer", s.openID.Issuer(), "acr", found.ACR, "amr", found.AMR)
	http.Redirect(w, r, s.openID.BaseURL()+flow.Page, http.StatusSeeOther)
}

func (s *Server) signInFailed(w http.ResponseWriter, r *http.Request, err error) {
	code := openid.CodeUnavailable
	var failure *openid.Error
	if errors.As(err, &failure) {
		code = failure.Code
	}
	s.signInRefused(w, r, code, err.Error())
}

// signInRefused shows the sign-in page with a text for the code. The details are in the log: an address could carry anyone's text.
func (s *Server) signInRefused(w http.ResponseWriter, r *http.Request, code openid.Code, reason string) {
	id := info(r.Context()).id
	s.options.Logger.Info("Sign-in failed", "code", string(code), "reason", reason, "requestID", id)
	query := url.Values{"signin": {string(code)}, "request": {id}}
	http.Redirect(w, r, s.openID.BaseURL()+"/?"+query.Encode(), http.StatusSeeOther)
}
