package workload

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/check"
	"kubeops.io/kubeops/internal/inspect/check/apimessage"
	"kubeops.io/kubeops/internal/inspect/check/retry"
	"kubeops.io/kubeops/internal/inspect/facts"
	"kubeops.io/kubeops/internal/remedy"
)

func creationChecks() []check.Check {
	uses := append(facts.WorkloadKinds(), facts.Job, facts.CronJob, facts.Event)
	return []check.Check{
		{
			ID: "pods-blocked-by-quota", Category: v1alpha1.CategoryCapacity,
			Class: v1alpha1.ClassProblem, Severity: v1alpha1.SeverityHigh,
			Summary: "A ResourceQuota prevents a workload from creating Pods.",
			Meaning: "A workload has fewer Pods than desired, and the API server rejects new ones because of a ResourceQuota: " +
				"their requests exceed what is left, or the quota covers a resource that their containers do not set. It appears as a " +
				"FailedCreate event or the condition ReplicaFailure on the workload, never on a Pod.",
			Remediation: "`kubectl describe resourcequota` shows what is used and allowed. Remove or shrink what is not needed, or " +
				"raise the quota.",
			Link:        "https://kubernetes.io/docs/concepts/policy/resource-quotas/",
			Uses:        append(slices.Clone(uses), facts.ResourceQuota),
			ExplainedBy: []string{"quota-exhausted"},
			Run: func(g *facts.Graph, params check.Params) []check.Finding {
				return blockedFindings(g, params, apimessage.Refusal.IsQuota)
			},
		},
		{
			ID: "pods-blocked-by-admission", Category: v1alpha1.CategoryConfiguration,
			Class: v1alpha1.ClassProblem, Severity: v1alpha1.SeverityHigh,
			Summary: "Admission control prevents a workload from creating Pods.",
			Meaning: "A workload has fewer Pods than desired, and the API server rejects new ones: an admission webhook or policy " +
				"denies them or does not respond, they violate the namespace's Pod Security level or LimitRange, or reference a class " +
				"that does not exist. It appears as a FailedCreate event or the condition ReplicaFailure on the workload, never on a Pod.",
			Remediation: "Read the refusal in the evidence and change the Pod template so that it complies, or the policy that refuses it.",
			Link:        "https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/",
			Uses:        append(slices.Clone(uses), facts.ValidatingWebhook, facts.MutatingWebhook, facts.Namespace),
			ExplainedBy: []string{"webhook-service-missing", "webhook-no-endpoints"},
			Run: func(g *facts.Graph, params check.Params) []check.Finding {
				return blockedFindings(g, params, func(r apimessage.Refusal) bool { return !r.IsQuota() })
			},
		},
	}
}

// blocked is a workload that the API server lets create nothing.
type blocked struct {
	apimessage.Refusal
	// owner is what the finding is reported on: the topmost workload.
	owner facts.Ref
	// what cannot be created, for example Pods.
	what     string
	evidence check.Evidence
}

// blockedFindings reports each refusal of a sort once on the topmost workload.
func blockedFindings(g *facts.Graph, params check.Params, sort func(apimessage.Refusal) bool) []check.Finding {
	var findings []check.Finding
	for _, b := range blockedWorkloads(g, params) {
		if !sort(b.Refusal) || b.isHistory(g) {
			continue
		}
		why, remediation, because := explainRefusal(g, b)
		if then := retry.Then(b.owner); remediation != "" && then != "" {
			remediation = remedy.Sprintf("%s %s", remediation, then)
		}
		findings = append(findings, check.Finding{
			Object: b.owner, Discriminator: b.discriminator(), Culprits: because, Remediation: remediation,
			Message:  fmt.Sprintf("%s of %s %s cannot be created: %s.", b.what, b.owner.Kind, b.owner.Name, why),
			Evidence: append([]check.Evidence{b.evidence}, quotaEvidence(g, b)...),
			IsRoot:   webhookAnswered(b),
		})
	}
	slices.SortStableFunc(findings, func(a, b check.Finding) int {
		return cmp.Or(a.Object.Compare(b.Object), cmp.Compare(a.Discriminator, b.Discriminator))
	})
	return slices.CompactFunc(findings, func(a, b check.Finding) bool {
		return a.Object == b.Object && a.Discriminator == b.Discriminator
	})
}

func (b blocked) discriminator() string {
	if b.Name != "" {
		return b.Name
	}
	switch b.By {
	case apimessage.LimitRange:
		return "limitrange"
	case apimessage.InvalidSpec:
		return "invalid"
	case apimessage.QuotaUncovered:
		return "uncovered"
	default:
		return "other"
	}
}

// blockedWorkloads are the workloads that lack Pods now because the last try to create one was refused.
func blockedWorkloads(g *facts.Graph, params check.Params) []blocked {
	var found []blocked
	known := map[facts.Ref]bool{}
	for _, w := range g.Workloads {
		if w.Kind == facts.Deployment || !w.WantsPods() || w.Current >= w.Desired {
			continue
		}
		r, evidence, ok := refusedEvent(g, w.Ref, params)
		if !ok {
			r, evidence, ok = refusedCondition(w)
		}
		if ok {
			owner := g.TopOwner(w.Ref)
			known[owner] = true
			found = append(found, blocked{Refusal: r, owner: owner, what: refusedThing(evidence.Text), evidence: evidence})
		}
	}
	for _, d := range g.Workloads {
		// A Deployment repeats the condition of its ReplicaSets; that is enough where those were not read.
		if r, evidence, ok := refusedCondition(d); ok && d.Kind == facts.Deployment && d.WantsPods() && !known[d.Ref] {
			found = append(found, blocked{Refusal: r, owner: d.Ref, what: "Pods", evidence: evidence})
		}
	}
	return append(found, blockedJobs(g, params)...)
}

// blockedJobs are Jobs without a Pod, and CronJobs without a Job, because the last try to create one was refused.
func blockedJobs(g *facts.Graph, params check.Params) []blocked {
	var found []blocked
	for _, job := range g.Jobs {
		if job.Active > 0 || job.Suspended || !job.Deleting.IsZero() || job.IsFinished() {
			continue
		}
		if r, evidence, ok := refusedEvent(g, job.Ref, params); ok {
			found = append(found, blocked{Refusal: r, owner: g.TopOwner(job.Ref), what: "Pods", evidence: evidence})
		}
	}
	for _, c := range g.CronJobs {
		e := check.NewestEvent(g, c.Ref, "FailedCreate")
		if e == nil || c.Suspended || !c.Deleting.IsZero() || !e.Last.After(c.LastScheduled) {
			continue
		}
		if r, evidence, ok := refusedEvent(g, c.Ref, params); ok {
			found = append(found, blocked{Refusal: r, owner: c.Ref, what: "Jobs", evidence: evidence})
		}
	}
	return found
}

// refusedEvent reads the newest FailedCreate event about an object, if it is recent.
func refusedEvent(g *facts.Graph, ref facts.Ref, params check.Params) (apimessage.Refusal, check.Evidence, bool) {
	e := check.NewestEvent(g, ref, "FailedCreate")
	if e == nil || g.OlderThan(e.Last, params.RecentWindow) {
		return apimessage.Refusal{}, check.Evidence{}, false
	}
	r, ok := apimessage.ParseRefusal(e.Message)
	return r, check.FromEvent(e), ok
}

// refusedCondition reads the condition ReplicaFailure, which stands as long as the failure does, however long ago it began. That of an
// older generation is history.
func refusedCondition(w *facts.WorkloadNode) (apimessage.Refusal, check.Evidence, bool) {
	failed, ok := w.Condition("ReplicaFailure")
	if !ok || failed.Status != "True" || failed.Reason != "FailedCreate" || w.Observed < w.Generation {
		return apimessage.Refusal{}, check.Evidence{}, false
	}
	r, ok := apimessage.ParseRefusal(failed.Message)
	return r, check.QuoteCondition(failed), ok
}

// refusedThing is what the message says could not be created: a StatefulSet makes volume claims before Pods.
func refusedThing(message string) string {
	if strings.Contains(message, `persistentvolumeclaims "`) {
		return "Volume claims"
	}
	return "Pods"
}

func quotaEvidence(g *facts.Graph, b blocked) []check.Evidence {
	quota, ok := facts.Lookup[*facts.QuotaNode](g, facts.Ref{Kind: facts.ResourceQuota, Namespace: b.owner.Namespace, Name: b.Name})
	if !b.IsQuota() || !ok {
		return nil
	}
	var evidence []check.Evidence
	for _, item := range quota.Items {
		if slices.Contains(b.Resources, item.Resource) {
			evidence = append(evidence,
				check.FromCondition("ResourceQuota %s: %s of %s %s used", quota.Name, item.UsedText, item.HardText, item.Resource))
		}
	}
	return evidence
}

// explainRefusal puts a refusal into words, says what to do, and names the objects behind it.
func explainRefusal(g *facts.Graph, b blocked) (why string, remediation remedy.Text, because []facts.Ref) {
	namespace := b.owner.Namespace
	switch b.By {
	case apimessage.QuotaExceeded, apimessage.QuotaUnspecified, apimessage.QuotaUncovered:
		return explainQuota(g, b)
	case apimessage.WebhookDenies:
		return fmt.Sprintf("admission webhook %s denies them", b.Name),
			"The evidence holds the webhook's reason: change the Pod template so that it complies, or the policy behind the webhook.", nil
	case apimessage.WebhookFails:
		return explainWebhook(g, b.Name, b.evidence.Text)
	case apimessage.PolicyDenies:
		return fmt.Sprintf("ValidatingAdmissionPolicy %s denies them", b.Name),
			remedy.Sprintf("The evidence holds the policy's reason: change the Pod template so that it complies, or the policy: `kubectl "+
				"get validatingadmissionpolicy %s -o yaml`.", b.Name), nil
	case apimessage.PodSecurity:
		level, _, _ := strings.Cut(b.Name, ":")
		return fmt.Sprintf("namespace %s enforces Pod Security level %s, which they violate: %s", namespace, level, b.Detail),
			remedy.Sprintf("Set the securityContext fields that the evidence names in the Pod template. If the workload truly needs them, "+
				"move it to a namespace with a lower level, or lower this one's: `kubectl label namespace %s "+
				"pod-security.kubernetes.io/enforce=<level> --overwrite`.", namespace), nil
	case apimessage.LimitRange:
		return fmt.Sprintf("they violate a LimitRange in namespace %s: %s", namespace, b.Detail),
			remedy.Sprintf("Bring requests and limits of the Pod template within the range, or change it: `kubectl -n %s describe "+
				"limitrange`.", namespace), nil
	case apimessage.ClassMissing:
		return fmt.Sprintf("they reference %s, which does not exist", b.Name),
			"Create the class, or name one that exists: `kubectl get priorityclasses,runtimeclasses` lists them.", nil
	case apimessage.InvalidSpec:
		return "the API server rejects their template as invalid", "The evidence names the field and what is wrong with it: correct " +
			"the template.", nil
	default:
		return "admission control rejects them", "", nil
	}
}

func explainQuota(g *facts.Graph, b blocked) (why string, remediation remedy.Text, because []facts.Ref) {
	namespace := b.owner.Namespace
	resources := strings.Join(b.Resources, ", ")
	ref := facts.Ref{Kind: facts.ResourceQuota, Namespace: namespace, Name: b.Name}
	switch b.By {
	case apimessage.QuotaUnspecified:
		return fmt.Sprintf("ResourceQuota %s requires every container to set %s", b.Name, resources),
			remedy.Sprintf("Set %s on every container of the Pod template, or give namespace %s a LimitRange with "+
				"defaults.", resources, namespace), nil
	case apimessage.QuotaUncovered:
		return fmt.Sprintf("the cluster requires a ResourceQuota that covers it (%s) and namespace %s has none", b.Detail, namespace),
			remedy.Sprintf("Create such a ResourceQuota in namespace %s, or do without, for example with another "+
				"priorityClassName.", namespace), nil
	}
	if quota, ok := facts.Lookup[*facts.QuotaNode](g, ref); ok && slices.ContainsFunc(quota.Items, func(i facts.QuotaItem) bool {
		return i.Exhausted() && slices.Contains(b.Resources, i.Resource)
	}) {
		because = []facts.Ref{ref}
	}
	return fmt.Sprintf("ResourceQuota %s has no room for their %s", b.Name, resources),
		remedy.Sprintf("See what uses it up (`kubectl -n %[1]s describe resourcequota %[2]s`); remove or shrink what is not needed, or "+
			"raise it: `kubectl -n %[1]s edit resourcequota %[2]s`.", namespace, b.Name), because
}
