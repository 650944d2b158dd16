package unused

import (
	"fmt"
	"slices"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/remedy"
)

// unusedChecks are about objects that nothing names any more. Many programs find ConfigMaps and Secrets over the API, and
// no object tells: these checks are for information, and leave out more than they report.
func unusedChecks() []check.Check {
	const caveat = "Objects with an owner, written by a controller, with a discovery label (Grafana, Argo CD, Sealed Secrets), named " +
		"like a workload, or younger than a day are ignored. A program may still read the others through the API. One finding per " +
		"namespace; the evidence lists examples." + check.SystemNamespacesNote
	return []check.Check{
		{
			ID: "configmaps-unused", Category: v1alpha1.CategoryConfiguration, Severity: v1alpha1.SeverityInfo,
			Summary:     "ConfigMaps of a namespace are not used by any Pod.",
			Meaning:     "Neither a Pod nor the Pod template of a workload, Job or CronJob names them. " + caveat,
			Remediation: "Check that no program reads them through the API, then delete them: `kubectl delete configmap <name>`.",
			Link:        "https://kubernetes.io/docs/concepts/configuration/configmap/",
			Needs:       []facts.Kind{facts.ConfigMap, facts.Pod}, Uses: users(), Run: configMapsUnused,
		},
		{
			ID: "secrets-unused", Category: v1alpha1.CategoryConfiguration, Severity: v1alpha1.SeverityInfo,
			Summary: "Secrets of a namespace are not used by any Pod.",
			Meaning: "Neither a Pod nor the Pod template of a workload, Job or CronJob, nor a ServiceAccount or an Ingress names " +
				"them. Releases of Helm and tokens of ServiceAccounts are never unused. Custom resources (Issuers, Gateways, " +
				"operators) name Secrets as well: look there first. " + caveat,
			Remediation: "Check that no custom resource or program uses them, then delete them: `kubectl delete secret <name>`. Unused " +
				"Secrets are an avoidable risk.",
			Link:  "https://kubernetes.io/docs/concepts/configuration/secret/",
			Needs: []facts.Kind{facts.Secret, facts.Pod, facts.ServiceAccount, facts.Ingress}, Uses: users(), Run: secretsUnused,
		},
		{
			ID: "serviceaccounts-unused", Category: v1alpha1.CategoryConfiguration, Severity: v1alpha1.SeverityInfo,
			Summary: "ServiceAccounts of a namespace are not used by any Pod and have no permissions.",
			Meaning: "Neither a Pod nor the Pod template of a workload, Job or CronJob names them, and no binding gives them a " +
				"role (those may be used from outside of the cluster). The account default, and accounts that list tokens, are " +
				"ignored. " + caveat,
			Remediation: "Delete them: `kubectl delete serviceaccount <name>`.",
			Link:        "https://kubernetes.io/docs/concepts/security/service-accounts/",
			Needs: []facts.Kind{
				facts.ServiceAccount,
				facts.Pod,
				facts.RoleBinding,
				facts.ClusterRoleBinding,
			}, Uses: users(), Run: accountsUnused,
		},
	}
}

// unused gathers the objects of a kind that nothing references, by namespace. more tells what else speaks for an object.
func unused(g *facts.Graph, kind facts.Kind, needs []facts.Kind, more func(*facts.ConfigNode) bool) check.ByNamespace {
	named := used(g)
	workloads := map[facts.Ref]bool{} // programs often read a ConfigMap of their own name
	for _, w := range g.Workloads {
		if g.IsTopWorkload(w) {
			workloads[facts.Ref{Namespace: w.Namespace, Name: w.Name}] = true
		}
	}
	read := map[string]bool{}
	found := check.ByNamespace{}
	for _, n := range g.Configs {
		if n.Kind != kind || named[n.Ref] || n.Owned || n.Sought || !n.Deleting.IsZero() || check.IsSystemNamespace(n.Namespace) ||
			lock(n.Name) ||
			!byPeople(n.Writer) || !g.OlderThan(n.Created, idleDay) || more(n) ||
			(kind != facts.ServiceAccount && workloads[facts.Ref{Namespace: n.Namespace, Name: n.Name}]) {
			continue
		}
		if _, known := read[n.Namespace]; !known {
			read[n.Namespace] = usersRead(g, n.Namespace) &&
				!slices.ContainsFunc(needs, func(k facts.Kind) bool { return !g.Complete(k, n.Namespace) })
		}
		if read[n.Namespace] {
			found.Add(n.Namespace, n.Name)
		}
	}
	return found
}

// lock reports whether an object is named as those are by which replicas choose a leader.
func lock(name string) bool {
	return strings.HasSuffix(name, "-lock") || strings.HasSuffix(name, "-leader") || strings.Contains(name, "leader-election") ||
		strings.HasSuffix(name, ".lock")
}

// byPeople reports whether a client is one by which people bring objects in, and not a controller. One that is not told
// counts as such.
func byPeople(writer string) bool {
	name := strings.ToLower(writer)
	return writer == "" || slices.ContainsFunc([]string{
		"kubectl", "helm", "argocd", "kustomize", "flux", "terraform", "hashicorp", "pulumi", "skaffold", "tilt", "mozilla", "curl",
	}, func(prefix string) bool { return strings.HasPrefix(name, prefix) })
}

func configMapsUnused(g *facts.Graph, _ check.Params) []check.Finding {
	found := unused(g, facts.ConfigMap, []facts.Kind{facts.ConfigMap}, func(n *facts.ConfigNode) bool {
		return n.Name == "kube-root-ca.crt" || n.Name == "openshift-service-ca.crt" || strings.HasPrefix(n.Name, "istio-ca-")
	})
	return found.Findings(func(namespace string) check.Finding {
		return check.Finding{
			Message: fmt.Sprintf("ConfigMaps in namespace %s are not used by any Pod or workload.", namespace),
			Remediation: remedy.Sprintf("Check that no program reads them through the API, then delete them: `kubectl -n %s delete "+
				"configmap <name>`.", namespace),
		}
	})
}

func secretsUnused(g *facts.Graph, _ check.Params) []check.Finding {
	elsewhere := map[facts.Ref]bool{}
	add := func(namespace, name string) {
		elsewhere[facts.Ref{Kind: facts.Secret, Namespace: namespace, Name: name}] = true
	}
	for _, n := range g.Configs {
		for _, name := range slices.Concat(n.PullSecrets, n.TokenSecrets) {
			add(n.Namespace, name)
		}
	}
	for _, i := range g.Ingresses {
		for _, name := range i.TLSSecrets {
			add(i.Namespace, name)
		}
	}
	found := unused(g, facts.Secret, []facts.Kind{facts.Secret, facts.ServiceAccount, facts.Ingress}, func(n *facts.ConfigNode) bool {
		return elsewhere[n.Ref] || strings.HasPrefix(n.Name, "sh.helm.release.v1.") || strings.Contains(n.Name, "-token-") ||
			strings.Contains(n.Name, "-dockercfg-") ||
			strings.HasPrefix(n.Name, "bootstrap-token-")
	})
	return found.Findings(func(namespace string) check.Finding {
		return check.Finding{
			Message: fmt.Sprintf("Secrets in namespace %s are not used by any Pod, workload, ServiceAccount or Ingress.", namespace),
			Remediation: remedy.Sprintf("Check that no custom resource or program uses them, then delete them: `kubectl -n %s delete "+
				"secret <name>`.",
				namespace),
		}
	})
}

func accountsUnused(g *facts.Graph, _ check.Params) []check.Finding {
	bound := map[facts.Ref]bool{}
	groups := map[string]bool{} // namespaces all of whose accounts have permissions
	for _, b := range g.Bindings {
		for _, s := range b.Subjects {
			if s.Kind == string(facts.ServiceAccount) {
				bound[facts.Ref{Kind: facts.ServiceAccount, Namespace: s.Namespace, Name: s.Name}] = true
			}
			if namespace, ok := strings.CutPrefix(s.Name, "system:serviceaccounts:"); ok && s.Kind == "Group" {
				groups[namespace] = true
			}
		}
	}
	// A binding may stand in any namespace.
	if !g.Complete(facts.RoleBinding, "") || !g.Complete(facts.ClusterRoleBinding, "") {
		return nil
	}
	found := unused(g, facts.ServiceAccount, []facts.Kind{facts.ServiceAccount}, func(n *facts.ConfigNode) bool {
		return n.Name == "default" || bound[n.Ref] || groups[n.Namespace] || len(n.TokenSecrets) > 0
	})
	return found.Findings(func(namespace string) check.Finding {
		return check.Finding{
			Message: fmt.Sprintf("ServiceAccounts in namespace %s are not used by any Pod or workload and have no "+
				"permissions.", namespace),
			Remediation: remedy.Sprintf("Delete them: `kubectl -n %s delete serviceaccount <name>`.", namespace),
		}
	})
}
