package walls

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"
)

const managerUser = "system:serviceaccount:" + managerNamespace + ":kubeops-manager"

// auditPolicy records what the manager requests, without bodies.
const auditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- {level: Metadata, users: ["` + managerUser + `"]}
- {level: None}
`

// auditFlags of an API server that writes its audit log to a file.
func auditFlags(t *testing.T) (log string, flags []string) {
	t.Helper()
	files := folder(t)
	policy := filepath.Join(files, "policy.yaml")
	if err := os.WriteFile(policy, []byte(auditPolicy), 0o600); err != nil {
		t.Fatal(err)
	}
	log = filepath.Join(files, "audit.log")
	return log, []string{"audit-policy-file=" + policy, "audit-log-path=" + log, "audit-log-mode=blocking-strict"}
}

// audited is a request of the manager in the audit log.
type audited struct {
	Verb, RequestURI string
	User             struct{ Username string }
	ImpersonatedUser *struct{ Username string }
	ObjectRef        *struct{ Resource, Namespace, Name, APIGroup, Subresource string }
	ResponseStatus   *struct {
		Code    int
		Message string
	}
}

func readAudit(t *testing.T, path string) (all []audited) {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }() // it was read
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var event audited
		if err := json.Unmarshal(lines.Bytes(), &event); err != nil {
			t.Fatalf("%s: %v", lines.Text(), err)
		}
		if event.User.Username == managerUser {
			all = append(all, event)
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// target of a request in the words of a rule: RESOURCE.GROUP/SUBRESOURCE or a path.
func (e audited) target() string {
	if e.ObjectRef == nil {
		path, _, _ := strings.Cut(e.RequestURI, "?")
		return path
	}
	return targetOf(e.ObjectRef.APIGroup, e.ObjectRef.Resource, e.ObjectRef.Subresource)
}

func targetOf(group, resource, subresource string) string {
	target := resource
	if group != "" {
		target += "." + group
	}
	if subresource != "" {
		target += "/" + subresource
	}
	return target
}

// permissions that a request uses, with and without the name of its object.
func (e audited) permissions() (all []string) {
	name := ""
	if e.ObjectRef != nil {
		name = e.ObjectRef.Name
	}
	add := func(verb, target, name string) {
		all = append(all, verb+" "+target)
		if name != "" {
			all = append(all, verb+" "+target+" "+name)
		}
	}
	verbs := []string{e.Verb}
	if e.Verb == "patch" && e.ResponseStatus != nil && e.ResponseStatus.Code == http.StatusCreated {
		verbs = append(verbs, "create") // server-side apply of a new object needs both
	}
	if e.ImpersonatedUser == nil {
		for _, verb := range verbs {
			add(verb, e.target(), name)
		}
		return all
	}
	account := e.ImpersonatedUser.Username[strings.LastIndex(e.ImpersonatedUser.Username, ":")+1:]
	add("impersonate:serviceaccount", "serviceaccounts.authentication.k8s.io", account)
	for _, verb := range verbs {
		add("impersonate-on:serviceaccount:"+verb, e.target(), name)
	}
	return all
}

// granted permissions of the manager, each with the roles that grant it.
func (c *cluster) granted() map[string][]string {
	c.t.Helper()
	all := map[string][]string{}
	clusterBindings := &rbacv1.ClusterRoleBindingList{}
	bindings := &rbacv1.RoleBindingList{}
	clusterRoles := &rbacv1.ClusterRoleList{}
	roles := &rbacv1.RoleList{}
	for _, list := range []client.ObjectList{clusterBindings, bindings, clusterRoles, roles} {
		if err := c.client.List(c.t.Context(), list); err != nil {
			c.t.Fatal(err)
		}
	}
	rules := map[string][]rbacv1.PolicyRule{}
	for i := range clusterRoles.Items {
		rules["ClusterRole "+clusterRoles.Items[i].Name] = clusterRoles.Items[i].Rules
	}
	for i := range roles.Items {
		rules["Role "+roles.Items[i].Namespace+"/"+roles.Items[i].Name] = roles.Items[i].Rules
	}
	for i := range clusterBindings.Items {
		if ofManager(clusterBindings.Items[i].Subjects) {
			role := "ClusterRole " + clusterBindings.Items[i].RoleRef.Name
			addPermissions(all, role, rules[role])
		}
	}
	for i := range bindings.Items {
		if ofManager(bindings.Items[i].Subjects) {
			role := bindings.Items[i].RoleRef.Kind + " " + bindings.Items[i].RoleRef.Name
			if bindings.Items[i].RoleRef.Kind == "Role" {
				role = "Role " + bindings.Items[i].Namespace + "/" + bindings.Items[i].RoleRef.Name
			}
			addPermissions(all, role, rules[role])
		}
	}
	return all
}

func ofManager(subjects []rbacv1.Subject) bool {
	return slices.ContainsFunc(subjects, func(s rbacv1.Subject) bool {
		return s.Kind == rbacv1.ServiceAccountKind && s.Namespace == managerNamespace && s.Name == "kubeops-manager"
	})
}

func addPermissions(all map[string][]string, role string, rules []rbacv1.PolicyRule) {
	for _, rule := range rules {
		for _, verb := range rule.Verbs {
			for _, path := range rule.NonResourceURLs {
				all[verb+" "+path] = append(all[verb+" "+path], role)
			}
			for _, group := range rule.APIGroups {
				for _, resource := range rule.Resources {
					resource, subresource, _ := strings.Cut(resource, "/")
					for _, name := range append(slices.Clone(rule.ResourceNames), "")[:max(len(rule.ResourceNames), 1)] {
						permission := strings.TrimSpace(verb + " " + targetOf(group, resource, subresource) + " " + name)
						all[permission] = append(all[permission], role)
					}
				}
			}
		}
	}
}

// unusedReason explains permissions that the test does not use.
type unusedReason struct {
	// Permission as VERB RESOURCE.GROUP; * is any text.
	Permission string
	// Role that grants it; * is any text.
	Role   string
	Reason string
}

func (r unusedReason) matches(permission, role string) bool {
	matches := func(pattern, value string) bool {
		quoted := strings.ReplaceAll(regexp.QuoteMeta(pattern), `\*`, ".*")
		return regexp.MustCompile("^" + quoted + "$").MatchString(value)
	}
	return matches(r.Permission, permission) && matches(r.Role, role)
}

// TestTheManagerUsesThePermissionsThatItHas does work of all kinds with an audit log: nothing that the manager requests for itself is
// forbidden, and each permission that it was granted and did not use has a reason in testdata. PERMISSIONS_REPORT is a file for the table.
func TestTheManagerUsesThePermissionsThatItHas(t *testing.T) {
	log, flags := auditFlags(t)
	c := newCluster(t, flags...)
	c.workOfAllKinds()
	used := map[string]int{}
	forbidden := map[string]bool{}
	for _, event := range readAudit(t, log) {
		for _, permission := range event.permissions() {
			used[permission]++
		}
		if s := event.ResponseStatus; s != nil && s.Code == http.StatusForbidden && event.ImpersonatedUser == nil {
			forbidden[event.Verb+" "+event.target()+": "+s.Message] = true
		}
	}
	for request := range forbidden {
		t.Errorf("forbidden: %s", request)
	}
	content, err := os.ReadFile(filepath.Join("testdata", "unused_permissions.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var reasons []unusedReason
	if err := yaml.UnmarshalStrict(content, &reasons); err != nil {
		t.Fatal(err)
	}
	report := compareUse(t, c.granted(), used, reasons)
	if path := os.Getenv("PERMISSIONS_REPORT"); path != "" {
		if err := os.WriteFile(path, []byte(report), 0o600); err != nil {
			t.Fatal(err)
		}
		t.Log("the report is", path)
	}
}

// compareUse returns a table of the permissions. One without use and reason fails the test.
func compareUse(t *testing.T, granted map[string][]string, used map[string]int, reasons []unusedReason) string {
	t.Helper()
	report := strings.Builder{}
	report.WriteString("| Permission | Granted by | Requests |\n|---|---|---|\n")
	needed := map[int]bool{}
	unused := 0
	for _, permission := range slices.Sorted(maps.Keys(granted)) {
		use := fmt.Sprint(used[permission])
		for _, role := range granted[permission] {
			if used[permission] == 0 {
				unused++
				at := slices.IndexFunc(reasons, func(r unusedReason) bool { return r.matches(permission, role) })
				if at < 0 {
					t.Errorf("%s grants %q, which nothing used; remove it, or add the reason to testdata/unused_permissions.yaml", role, permission)
					continue
				}
				needed[at] = true
				use = "none: " + reasons[at].Reason
			}
			fmt.Fprintf(&report, "| %s | %s | %s |\n", permission, role, use)
		}
	}
	for i, reason := range reasons {
		if !needed[i] {
			t.Errorf("everything of %q of %q was used: remove the reason", reason.Permission, reason.Role)
		}
	}
	t.Logf("%d permissions are granted, and %d of them were not used, each for a known reason", len(granted), unused)
	return report.String()
}

// settled waits until every object of a kind has been reconciled.
func (c *cluster) settled(kinds ...string) {
	c.t.Helper()
	for _, kind := range kinds {
		c.eventually("each "+kind+" has conditions", 3*time.Minute, func(ctx context.Context) error {
			list := newList(kind)
			if err := c.client.List(ctx, list); err != nil {
				return err
			}
			for _, object := range list.Items {
				status, _ := object.Object["status"].(map[string]any)
				conditions, _ := status["conditions"].([]any)
				if len(conditions) == 0 {
					return fmt.Errorf("%s/%s has none", object.GetNamespace(), object.GetName())
				}
			}
			return nil
		})
	}
}
