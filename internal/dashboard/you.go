package dashboard

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/apiserver/pkg/authentication/serviceaccount"

	"kubeops.io/kubeops/internal/printable"
	"kubeops.io/kubeops/internal/remedy"
)

// viewerRole has the permissions of the dashboard's pages.
const viewerRole = "kubeops-viewer"

// Permission of the viewer on one resource.
type Permission struct {
	Resource   string   `json:"resource" doc:"Resource, for example inspections."`
	Everywhere bool     `json:"everywhere" doc:"True if the viewer can list it in all namespaces."`
	Namespaces []string `json:"namespaces" nullable:"false" doc:"Namespaces of KubeOps resources in which the viewer can list it."`
}

// You is who the viewer is, and what the viewer can see.
type You struct {
	User          string       `json:"user" doc:"User name as the API server authenticated it."`
	Groups        []string     `json:"groups" nullable:"false" doc:"Groups of the user."`
	InsecureLocal bool         `json:"insecureLocal" doc:"True without sign-in: everyone acts as the user of the kubeconfig."`
	Impersonation string       `json:"impersonation" enum:"constrained,plain,none" doc:"How requests are made as the viewer."`
	Until         *time.Time   `json:"until,omitempty" doc:"End of the session."`
	Issuer        string       `json:"issuer" doc:"OpenID Connect provider of the sign-in. Empty without one."`
	ACR           string       `json:"acr" doc:"Authentication context of the sign-in, as the provider names it."`
	AMR           []string     `json:"amr" nullable:"false" doc:"Authentication methods of the sign-in, for example pwd and otp."`
	Permissions   []Permission `json:"permissions" nullable:"false" doc:"Permissions on each resource."`
	GrantAll      string       `json:"grantAll" doc:"Command that grants what the pages show, in all namespaces. Empty if complete."`
	GrantOne      string       `json:"grantOne" doc:"Command that grants it in one namespace. Empty if complete."`
	Version       string       `json:"version" doc:"Version of KubeOps."`
	ReadAt        time.Time    `json:"readAt" doc:"Time when the permissions were read."`
}

type youOutput struct{ Body You }

func (s *Server) getYou(ctx context.Context, _ *struct{}) (*youOutput, error) {
	about := identityOf(ctx)
	view := You{
		User: about.viewer.User, Groups: notNil(about.viewer.Groups), InsecureLocal: s.options.InsecureLocal,
		Impersonation: string(s.impersonation), Permissions: make([]Permission, len(kinds())), Version: s.options.Version, ReadAt: s.now(),
		AMR: []string{},
	}
	if signedIn := about.session; signedIn != nil {
		view.Issuer = signedIn.Issuer
		view.ACR = printable.Line(signedIn.ACR)
		view.AMR = notNil(signedIn.AMR)
	}
	if !about.expires.IsZero() {
		until := about.expires.UTC()
		view.Until = &until
	}
	group, groupCtx := errgroup.WithContext(ctx)
	for i, resource := range kinds() {
		group.Go(func() error {
			scopes, err := s.access.scopes(groupCtx, about.viewer, resource, "")
			everywhere := len(scopes) == 1 && scopes[0] == ""
			view.Permissions[i] = Permission{Resource: resource, Everywhere: everywhere, Namespaces: []string{}}
			if !everywhere {
				view.Permissions[i].Namespaces = notNil(scopes)
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, failed(err)
	}
	for _, p := range view.Permissions {
		if !p.Everywhere {
			view.GrantAll, view.GrantOne = grants(about.viewer)
		}
	}
	return &youOutput{view}, nil
}

// grants are commands that bind the role of viewers.
func grants(viewer Viewer) (everywhere, one string) {
	subject := remedy.Command("--user=%s", viewer.User)
	if namespace, name, err := serviceaccount.SplitUsername(viewer.User); err == nil {
		subject = remedy.Command("--serviceaccount=%s:%s", namespace, name)
	}
	const role = "--clusterrole=" + viewerRole
	return string(remedy.Command("kubectl create clusterrolebinding %s "+role+" %s", viewerRole, subject)),
		string(remedy.Command("kubectl -n NAMESPACE create rolebinding %s "+role+" %s", viewerRole, subject))
}
