package practice

import (
	"fmt"
	"slices"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/check/podtemplate"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/kubectl"
	"kubeops.io/kubeops/internal/inspect/phrase"
	"kubeops.io/kubeops/internal/remedy"
	"kubeops.io/kubeops/internal/text"
)

// referenceChecks report references to missing objects that fail only later.
func referenceChecks() []check.Check {
	uses := append(facts.WorkloadKinds(), facts.Job, facts.CronJob)
	return []check.Check{
		{
			ID: "priority-class-missing", Category: v1alpha1.CategoryConfiguration,
			Class: v1alpha1.ClassProblem, Severity: v1alpha1.SeverityMedium,
			Summary: "A workload uses a PriorityClass that does not exist.",
			Meaning: "The API server rejects Pods whose PriorityClass does not exist. Running Pods continue, so the problem shows " +
				"only when one has to be replaced. The classes system-node-critical and system-cluster-critical " +
				"always exist." + check.SystemNamespacesNote,
			Remediation: "Create the PriorityClass, or correct priorityClassName. `kubectl get priorityclasses` lists the existing ones.",
			Link:        "https://kubernetes.io/docs/concepts/scheduling-eviction/pod-priority-preemption/",
			Needs:       []facts.Kind{facts.Pod, facts.PriorityClass}, Uses: uses, Run: priorityClassMissing,
		},
		{
			ID: "image-pull-secret-missing", Category: v1alpha1.CategoryConfiguration, Severity: v1alpha1.SeverityLow,
			Summary: "A workload uses an image pull Secret that does not exist.",
			Meaning: "imagePullSecrets of the Pod template lists a Secret that does not exist. The kubelet pulls without it and " +
				"reports nothing: this works only while the image is on the node or can be pulled " +
				"anonymously." + check.SystemNamespacesNote,
			Remediation: "Create it: `kubectl create secret docker-registry <name> --docker-server=<registry> --docker-username=<user> " +
				"--docker-password=<password>`. Or remove the name from the Pod template.",
			Link:  "https://kubernetes.io/docs/tasks/configure-pod-container/pull-image-private-registry/",
			Needs: []facts.Kind{facts.Pod, facts.Secret}, Uses: uses, Run: pullSecretMissing,
		},
		{
			ID: "statefulset-service-missing", Static: true, Category: v1alpha1.CategoryConfiguration, Severity: v1alpha1.SeverityLow,
			Summary: "The governing Service of a StatefulSet does not exist.",
			Meaning: "spec.serviceName refers to a Service that does not exist in the namespace: the Pods get no stable DNS names, " +
				"which replicas use to find each other. The severity is medium with two or more replicas." + check.SystemNamespacesNote,
			Remediation: "Create a headless Service of that name (clusterIP: None) with the labels of the Pods as its selector.",
			Link:        "https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/#stable-network-id",
			Needs:       []facts.Kind{facts.StatefulSet, facts.Service}, Run: governingServiceMissing,
		},
		{
			ID: "configmap-large", Static: true, Category: v1alpha1.CategoryConfiguration, Severity: v1alpha1.SeverityInfo,
			Summary: "A ConfigMap is larger than 512 KiB.",
			Meaning: "The limit of the API server is 1 MiB. Every change stores the whole object again and sends it to all " +
				"watchers. ConfigMaps owned by another object are not reported." + check.SystemNamespacesNote,
			Remediation: "Split it, or store the data in an image, a volume or an object store.",
			Link:        "https://kubernetes.io/docs/concepts/configuration/configmap/#motivation",
			Needs:       []facts.Kind{facts.ConfigMap}, Run: configMapLarge,
		},
	}
}

func priorityClassMissing(g *facts.Graph, _ check.Params) []check.Finding {
	if !g.Complete(facts.PriorityClass, "") {
		return nil
	}
	names := make([]string, 0, len(g.PriorityClasses))
	for _, c := range g.PriorityClasses {
		names = append(names, c.Name)
	}
	var findings []check.Finding
	for template := range podtemplate.Configured(g) {
		name := template.Spec.PriorityClass
		if name == "" || strings.HasPrefix(name, "system-") || g.Has(facts.Ref{Kind: facts.PriorityClass, Name: name}) {
			continue
		}
		finding := check.Finding{
			Object: template.Owner, Discriminator: name,
			Message: fmt.Sprintf("PriorityClass %s, which %s uses, does not exist: the API server rejects its new Pods.", name,
				template.Name()),
			Evidence: []check.Evidence{check.FromSpec("priorityClassName: %s", name)},
		}
		if similar := text.Similar(names, name); similar != "" {
			finding.Evidence = append(finding.Evidence, check.FromSpec("PriorityClass %s exists: possibly a typo", similar))
		}
		findings = append(findings, finding)
	}
	return findings
}

func pullSecretMissing(g *facts.Graph, _ check.Params) []check.Finding {
	var findings []check.Finding
	for template := range podtemplate.Configured(g) {
		if !g.Complete(facts.Secret, template.Owner.Namespace) {
			continue
		}
		var seen []string
		for _, secret := range template.Lean.ImagePullSecrets {
			if secret.Name == "" || slices.Contains(seen, secret.Name) ||
				g.Has(facts.Ref{Kind: facts.Secret, Namespace: template.Owner.Namespace, Name: secret.Name}) {
				continue
			}
			seen = append(seen, secret.Name)
			findings = append(findings, check.Finding{
				Object: template.Owner, Discriminator: secret.Name,
				Message:  fmt.Sprintf("Image pull Secret %s, which %s uses, does not exist.", secret.Name, template.Name()),
				Evidence: []check.Evidence{check.FromSpec("imagePullSecrets: %s", secret.Name)},
				Culprits: []facts.Ref{{Kind: facts.Secret, Namespace: template.Owner.Namespace, Name: secret.Name}},
			})
		}
	}
	return findings
}

func governingServiceMissing(g *facts.Graph, params check.Params) []check.Finding {
	var findings []check.Finding
	for template := range podtemplate.Configured(g) {
		workload := template.Workload
		if workload == nil || workload.Kind != facts.StatefulSet || workload.ServiceName == "" ||
			!g.Complete(facts.Service, workload.Namespace) ||
			g.Has(facts.Ref{Kind: facts.Service, Namespace: workload.Namespace, Name: workload.ServiceName}) ||
			!g.OlderThan(workload.Created, params.StartupGrace) {
			continue
		}
		finding := check.Finding{
			Object: template.Owner,
			Message: fmt.Sprintf("Service %s, the governing Service of StatefulSet %s, does not exist: its Pods get no stable DNS names.",
				workload.ServiceName, workload.Name),
			Evidence: []check.Evidence{
				check.FromSpec("serviceName: %s", workload.ServiceName),
				check.FromSpec("replicas: %d", workload.Desired),
			},
			Remediation: remedy.Sprintf(
				"Create a headless Service of that name that selects its Pods: `%s create service clusterip %s --clusterip=None "+
					"--dry-run=client -o yaml | kubectl set selector --local -f - '%s' -o yaml | kubectl apply -f -`.",
				kubectl.Command(template.Owner),
				workload.ServiceName,
				workload.Selector,
			),
		}
		if workload.Desired > 1 {
			finding.Severity = v1alpha1.SeverityMedium
		}
		findings = append(findings, finding)
	}
	return findings
}

func configMapLarge(g *facts.Graph, _ check.Params) []check.Finding {
	const large = 512 << 10
	var findings []check.Finding
	for _, configMap := range g.Configs {
		if configMap.Kind == facts.ConfigMap && configMap.Bytes > large && !configMap.Owned &&
			!check.IsSystemNamespace(configMap.Namespace) {
			findings = append(findings, check.Finding{
				Object:  configMap.Ref,
				Message: fmt.Sprintf("ConfigMap %s is large: it exceeds half of the API server's limit of 1 MiB.", configMap.Name),
				Evidence: []check.Evidence{
					check.FromSpec("%s in %d %s", phrase.Bytes(int64(configMap.Bytes)), len(configMap.Keys),
						phrase.Plural(len(configMap.Keys), "key", "keys")),
				},
			})
		}
	}
	return findings
}
