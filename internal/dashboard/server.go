// Package dashboard serves the pages and the API of the dashboard. It reads the resources of KubeOps with the permissions of the viewer,
// and changes nothing: it sends GET requests to the API server, and reviews of tokens and permissions.
package dashboard

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"time"

	"github.com/go-logr/logr"
	"github.com/klauspost/compress/gzhttp"
	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/version"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	"k8s.io/utils/lru"

	"kubeops.io/kubeops/internal/backends"
	"kubeops.io/kubeops/internal/dashboard/explore"
	"kubeops.io/kubeops/internal/dashboard/openid"
	"kubeops.io/kubeops/internal/inspect/checks"
	"kubeops.io/kubeops/internal/redact"
)

// Options of a Server. Config is required.
type Options struct {
	// Config reaches the cluster: as the ServiceAccount of the dashboard or, with InsecureLocal, as the user that everyone acts as.
	Config *rest.Config
	// InsecureLocal disables sign-in. The server must listen on loopback only.
	InsecureLocal bool
	// SessionKey encrypts cookies: 32 bytes. By default it is random: sessions end when the process does.
	SessionKey []byte
	// OpenID signs viewers in at a provider, besides bearer tokens. Default: none.
	OpenID *openid.Config
	// Logger gets one line for each request of a viewer. Default: none.
	Logger logr.Logger
	// Clock of sessions and caches. Default: the clock of the machine.
	Clock clock.PassiveClock
	// Version of KubeOps, which page You shows.
	Version string
	// Backends opens MetricsBackends and LogBackends without credentials, to query them. Default: none, pages say that it is disabled.
	Backends *backends.Resolver
}

// impersonation is how requests are made as the viewer.
type impersonation string

const (
	// constrained: the API server limits what the dashboard can do as a viewer to reading (Kubernetes 1.36 and later).
	constrained impersonation = "constrained"
	// plain: the dashboard could do as a viewer what the viewer can do. That it only reads is up to its code.
	plain impersonation = "plain"
	// none: --insecure-local.
	none impersonation = "none"
)

// Server serves the dashboard.
type Server struct {
	options       Options
	cluster       *cluster
	access        *access
	sessions      *sessions
	tokens        *tokens
	openID        *openid.Client // nil without a provider
	hub           *hub
	catalog       *catalog
	schemas       *schemas
	tables        *explore.Pool
	assets        assets
	checks        checkSummaries
	digests       *lru.Cache // of digestKey to *digest
	rules         *lru.Cache // of viewers and namespaces to *rules
	redactor      *redact.Redactor
	signIns       *limiter
	requests      *limiter
	logLines      *limiter // of followed logs
	sockets       *counter
	logStreams    *logPlaces
	queries       *queryPlaces // of backends
	impersonation impersonation
	// recheckInterval of the permissions of subscriptions.
	recheckInterval time.Duration
	localUser       string
	localGroups     []string
}

// New makes a Server. It makes a few requests to the API server, to know how it can act as viewers.
func New(ctx context.Context, options Options) (*Server, error) {
	if options.Clock == nil {
		options.Clock = clock.RealClock{}
	}
	if options.SessionKey == nil {
		options.SessionKey = make([]byte, 32)
		if _, err := rand.Read(options.SessionKey); err != nil {
			return nil, err
		}
	}
	s := &Server{
		options: options, checks: checks.Builtin(), digests: lru.New(maxDigests), rules: lru.New(maxRules), signIns: newLimiter(1, 10),
		requests: newLimiter(50, 200), logLines: newLimiter(maxLineRate, maxLineBurst), sockets: newCounter(maxSockets),
		logStreams: newLogPlaces(), queries: newQueryPlaces(),
		recheckInterval: defaultRecheckInterval,
	}
	var err error
	if s.redactor, err = redact.New(redact.Options{}); err != nil {
		return nil, err
	}
	files, err := fs.Sub(dist, "dist")
	if err != nil {
		return nil, err
	}
	if s.assets, err = loadAssets(files); err != nil {
		return nil, err
	}
	if s.sessions, err = newSessions(options.SessionKey, options.Clock); err != nil {
		return nil, err
	}
	if s.cluster, err = newCluster(options.Config); err != nil {
		return nil, err
	}
	if options.OpenID != nil {
		if s.openID, err = openid.New(*options.OpenID); err != nil {
			return nil, fmt.Errorf("OpenID Connect: %w", err)
		}
	}
	s.access = newAccess(s.cluster, options.Clock)
	s.tokens = &tokens{server: s, reviews: lru.New(maxReviews)}
	s.hub = newHub(s.cluster.metadata, options.Logger)
	s.catalog = &catalog{client: s.cluster.own.Discovery(), clock: options.Clock}
	s.schemas = &schemas{
		client: func() (rest.Interface, error) { return s.cluster.any(Viewer{Own: true}) }, clock: options.Clock,
		documents: lru.New(maxDocuments), places: make(chan struct{}, parallelDocuments),
	}
	s.tables = explore.NewPool(options.Clock)
	return s, s.detect(ctx)
}

// detect how the dashboard can act as viewers, and log it.
func (s *Server) detect(ctx context.Context) error {
	if s.options.InsecureLocal {
		s.impersonation = none
		review, err := s.cluster.own.AuthenticationV1().SelfSubjectReviews().Create(ctx, &authenticationv1.SelfSubjectReview{},
			metav1.CreateOptions{})
		if err != nil {
			return fmt.Errorf("cannot reach the API server: %w", err)
		}
		s.localUser, s.localGroups = review.Status.UserInfo.Username, review.Status.UserInfo.Groups
		s.options.Logger.Info("No sign-in: everyone on this machine acts as the user of the kubeconfig", "user", s.localUser)
		return nil
	}
	served, err := s.cluster.own.Discovery().ServerVersion()
	if err != nil {
		return fmt.Errorf("cannot reach the API server: %w", err)
	}
	has := func(verb, group string) (bool, error) {
		review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{
			ResourceAttributes: &authorizationv1.ResourceAttributes{Verb: verb, Group: group, Resource: "users"},
		}}
		answer, err := s.cluster.own.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, review, metav1.CreateOptions{})
		return err == nil && answer.Status.Allowed, err
	}
	unconstrained, err := has("impersonate", "")
	if err != nil {
		return fmt.Errorf("cannot review the permissions of the dashboard: %w", err)
	}
	limited, err := has("impersonate:user-info", "authentication.k8s.io")
	if err != nil {
		return fmt.Errorf("cannot review the permissions of the dashboard: %w", err)
	}
	return s.choose(served.GitVersion, unconstrained, limited)
}

// choose the kind of impersonation by the version of the API server and by what the ServiceAccount may do.
func (s *Server) choose(served string, unconstrained, limited bool) error {
	const since = "1.36.0"
	parsed, err := version.ParseGeneric(served)
	old := err == nil && parsed.LessThan(version.MustParseGeneric(since))
	switch {
	case unconstrained:
		s.impersonation = plain
		s.options.Logger.Info("Impersonation is not constrained: the token of the dashboard can do what any user can do. "+
			"On Kubernetes 1.36 and later, remove verb impersonate", "kubernetes", served)
	case old:
		return fmt.Errorf("the API server (%s) has no constrained impersonation: apply component "+
			"config/dashboard/plain-impersonation", served)
	case limited:
		s.impersonation = constrained
		s.options.Logger.Info("Impersonation is constrained: the API server lets the dashboard only read as viewers", "kubernetes", served)
	default:
		return errors.New("the dashboard cannot impersonate users (RBAC): apply config/dashboard")
	}
	return nil
}

// now in UTC.
func (s *Server) now() time.Time { return s.options.Clock.Now().UTC() }

// Handler of all paths.
func (s *Server) Handler() http.Handler {
	api := http.NewServeMux()
	s.registerAPI(api)
	api.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { writeProblem(w, r, http.StatusNotFound, notFound) })
	noStore := func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Cache-Control", "no-store")
			ctx, cancel := context.WithTimeout(r.Context(), 2*requestTimeout)
			defer cancel()
			next.ServeHTTP(w, r.WithContext(ctx))
		})
	}
	root := http.NewServeMux()
	root.Handle("/api/", s.authenticated(noStore(gzhttp.GzipHandler(api))))
	root.Handle(pathLive, s.authenticated(http.HandlerFunc(s.live)))
	root.HandleFunc(pathSignIn, s.signIn)
	root.HandleFunc(pathSignOut, s.signOut)
	root.HandleFunc(pathSignInMethods, s.signInMethods)
	root.HandleFunc(pathSignInOpenID, s.beginOpenID)
	root.HandleFunc(openid.CallbackPath, s.finishOpenID)
	root.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	root.Handle("/", s.assets)
	return s.audited(s.guarded(root))
}
