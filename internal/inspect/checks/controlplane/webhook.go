package controlplane

import (
	"fmt"
	"slices"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/check/endpoints"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/inspect/phrase"
	"kubeops.io/kubeops/internal/remedy"
)

func webhookChecks() []check.Check {
	const link = "https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#failure-policy"
	return []check.Check{
		{
			ID: "webhook-service-missing", Category: v1alpha1.CategoryReliability, Severity: v1alpha1.SeverityCritical,
			Summary: "An admission webhook calls a Service or a Service port that does not exist.",
			Meaning: "The API server calls the webhook before it accepts the requests that its rules match, and the call " +
				"cannot succeed. With failurePolicy Fail (the default) each of these requests is rejected: critical. With " +
				"Ignore they pass unvalidated and unmodified: medium. Often the configuration was left behind by an add-on " +
				"that was removed.",
			Remediation: "Reinstall the add-on, or delete the configuration that it left behind: `kubectl delete " +
				"validatingwebhookconfiguration <name>` (or mutatingwebhookconfiguration).",
			Link:  link,
			Needs: []facts.Kind{facts.Service},
			Uses:  []facts.Kind{facts.ValidatingWebhook, facts.MutatingWebhook},
			Run:   webhookServiceMissing, Static: true,
		},
		{
			ID: "webhook-no-endpoints", Category: v1alpha1.CategoryReliability, Severity: v1alpha1.SeverityCritical,
			Summary: "An admission webhook calls a Service that has no ready endpoints.",
			Meaning: "The Service behind the webhook exists but has no ready endpoints. With failurePolicy Fail (the " +
				"default) each request that the webhook's rules match is rejected: critical. If the rules match Pods, this can " +
				"block the webhook's own Pods from being recreated. With Ignore the requests pass unvalidated and unmodified: " +
				"medium.",
			Remediation: "Restore the webhook's Pods; the finding that causes this one shows why they are not ready. In " +
				"an emergency set failurePolicy to Ignore or delete the configuration, which its add-on usually creates again: " +
				"until then requests are not validated.",
			Link:  link,
			Needs: []facts.Kind{facts.Service, facts.Pod},
			Uses:  append(facts.WorkloadKinds(), facts.ValidatingWebhook, facts.MutatingWebhook, facts.EndpointSlice),
			ExplainedBy: slices.Concat(check.ServiceFailures(), check.WorkloadFailures(), []string{
				"replicaset-unavailable", "workload-not-observed",
			}),
			Run: webhookNoEndpoints,
		},
	}
}

// hookGroup groups the webhooks of one configuration that call the same Service.
type hookGroup struct {
	configuration *facts.WebhookNode
	service       facts.Ref
	hooks         []facts.Webhook
}

func hookGroups(g *facts.Graph) []hookGroup {
	var groups []hookGroup
	for _, configuration := range g.Webhooks {
		if !configuration.Deleting.IsZero() {
			continue
		}
		first := len(groups)
		for _, hook := range configuration.Webhooks {
			if hook.Service.IsZero() {
				continue
			}
			i := slices.IndexFunc(groups[first:], func(h hookGroup) bool { return h.service == hook.Service })
			if i < 0 {
				groups = append(groups, hookGroup{configuration: configuration, service: hook.Service})
				i = len(groups) - 1 - first
			}
			groups[first+i].hooks = append(groups[first+i].hooks, hook)
		}
	}
	return groups
}

// finding builds what both checks report: the configuration, the requests it is called for, and what happens to them.
func (h hookGroup) finding(hooks []facts.Webhook, why string) check.Finding {
	var rules, names []string
	refuses := false
	for _, hook := range hooks {
		refuses = refuses || hook.FailClosed
	}
	for _, hook := range hooks {
		if hook.FailClosed != refuses {
			continue // rejected requests matter more than unchecked ones
		}
		names = append(names, hook.Name)
		for _, rule := range hook.Rules {
			if !slices.Contains(rules, rule) {
				rules = append(rules, rule)
			}
		}
	}
	requests := "requests"
	if len(rules) > 0 {
		requests = phrase.List(rules)
	}
	finding := check.Finding{
		Object: h.configuration.Ref, Discriminator: h.service.Namespace + "/" + h.service.Name, Culprits: []facts.Ref{h.service},
	}
	policy := "Fail"
	outcome := "the API server rejects " + requests
	if !refuses {
		finding.Severity = v1alpha1.SeverityMedium
		policy = "Ignore"
		outcome = requests + " pass unchecked"
	}
	finding.Message = fmt.Sprintf("%s %s calls Service %s in namespace %s, %s: %s.",
		h.configuration.Kind, h.configuration.Name, h.service.Name, h.service.Namespace, why, outcome)
	finding.Evidence = []check.Evidence{
		check.FromSpec("%s %s: failurePolicy %s", phrase.Plural(len(names), "webhook", "webhooks"), phrase.List(names), policy),
	}
	return finding
}

func webhookServiceMissing(g *facts.Graph, _ check.Params) []check.Finding {
	var findings []check.Finding
	for _, group := range hookGroups(g) {
		var finding check.Finding
		resource := strings.ToLower(string(group.configuration.Kind))
		service, ok := facts.Lookup[*facts.ServiceNode](g, group.service)
		switch {
		case !ok && g.Complete(facts.Service, group.service.Namespace):
			finding = group.finding(group.hooks, "which does not exist")
			finding.Remediation = remedy.Sprintf(
				"Reinstall the add-on, or delete the configuration that it left behind: `kubectl delete %s %s`.",
				resource,
				group.configuration.Name,
			)
		case ok && service.Type != "ExternalName":
			lost := slices.DeleteFunc(slices.Clone(group.hooks), func(h facts.Webhook) bool { return hasPort(service, h.Port) })
			if len(lost) == 0 {
				continue
			}
			finding = group.finding(lost, fmt.Sprintf("which has no port %d", lost[0].Port))
			finding.Evidence = append(finding.Evidence,
				check.FromSpec("Service %s has %s", service.Name, endpoints.ServicePorts(service)))
			finding.Remediation = remedy.Sprintf("Set clientConfig.service.port (`kubectl edit %s %s`) to a port of the Service.", resource,
				group.configuration.Name)
		default:
			continue
		}
		findings = append(findings, finding)
	}
	return findings
}

func hasPort(service *facts.ServiceNode, port int32) bool {
	return slices.ContainsFunc(service.Ports, func(p facts.ServicePort) bool { return p.Port == port })
}

func webhookNoEndpoints(g *facts.Graph, params check.Params) []check.Finding {
	var findings []check.Finding
	for _, group := range hookGroups(g) {
		service, ok := facts.Lookup[*facts.ServiceNode](g, group.service)
		if !ok {
			continue
		}
		// A port that the Service does not have is reported by another check.
		hooks := slices.DeleteFunc(slices.Clone(group.hooks), func(h facts.Webhook) bool {
			return service.Type == "ExternalName" || !hasPort(service, h.Port)
		})
		if len(hooks) == 0 {
			continue
		}
		why := ""
		switch endpoints.Judge(g, service, params).Health {
		case endpoints.SelectsNothing:
			why = "whose selector matches no Pods"
		case endpoints.NotReady:
			why = "which has no ready Pods"
		case endpoints.Unserved:
			why = "which has no selector and no endpoints"
		case endpoints.Healthy:
			if hooks = deadHooks(g, service, hooks, params); len(hooks) == 0 {
				continue
			}
			why = "whose Pods do not declare its target port"
		}
		finding := group.finding(hooks, why)
		ready, notReady := endpoints.Counts(g, service.Ref)
		if g.Complete(facts.EndpointSlice, service.Namespace) {
			finding.Evidence = append(finding.Evidence,
				check.FromCondition("EndpointSlices of Service %s: %d ready, %d not ready", service.Name, ready, notReady))
		}
		finding.Remediation = remedy.Sprintf(
			"Restore its Pods: `kubectl -n %s describe service %s`. If requests must pass in the meantime, delete the "+
				"configuration, which its add-on usually creates again; requests are not validated until then: `kubectl delete %s %s`.",
			service.Namespace,
			service.Name,
			strings.ToLower(string(group.configuration.Kind)),
			group.configuration.Name,
		)
		findings = append(findings, finding)
	}
	return findings
}

// deadHooks are the webhooks whose Service port targets a container port that no Pod declares.
func deadHooks(g *facts.Graph, service *facts.ServiceNode, hooks []facts.Webhook, params check.Params) []facts.Webhook {
	return slices.DeleteFunc(slices.Clone(hooks), func(hook facts.Webhook) bool {
		dead, _ := endpoints.DeadPorts(g, service, []facts.IngressBackend{{Service: service.Name, Port: hook.Port}}, params)
		return len(dead) == 0
	})
}
