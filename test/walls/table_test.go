package walls

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/testkit"
)

// row is what a tenant applies, and how it ends.
type row struct {
	// name of the row, and of its resource: $NAME in the manifest.
	name string
	// manifest of one or more objects, of which the last one is judged. $NAMESPACE and what servers.in lists are replaced.
	manifest string
	// copies of the last object that are created before it, with other names.
	copies int
	// then is what the tenant does after the manifest is applied, until ctx ends.
	then action
	want outcome

	namespace string
	object    *unstructured.Unstructured
	// result describes how it ended, and err why that is not what is wanted.
	result string
	err    error
}

// object of a row, as the API server returned it.
type object = *unstructured.Unstructured

// action of a tenant, until ctx ends.
type action func(ctx context.Context, tenant client.Client, object object) error

// outcome of a row: the API server refuses it, or the manager sets a condition.
type outcome struct {
	// refused is a part of the API server's error.
	refused string
	// condition is the type, Ready by default; ready is its status.
	condition string
	status    metav1.ConditionStatus
	reason    string
	// message is a part of the message of the condition.
	message string
	// gap is a part of a gap in the report of an Inspection.
	gap string
}

// refused by the API server with an error that contains a text.
func refused(text string) outcome { return outcome{refused: text} }

// notReady for a reason, with a message that contains a text.
func notReady(reason, message string) outcome {
	return outcome{status: metav1.ConditionFalse, reason: reason, message: message}
}

// harmless is a resource that becomes Ready: what is hostile in it has no effect.
func harmless(message string) outcome { return outcome{status: metav1.ConditionTrue, message: message} }

// gap in the report of an Inspection that does not become Ready: a part of what it asks for could not be read.
func gap(text string) outcome {
	return outcome{status: metav1.ConditionFalse, reason: v1alpha1.ReasonIncomplete, gap: text}
}

// not is another condition than Ready, which is False for a reason.
func not(condition, reason, message string) outcome {
	return outcome{condition: condition, status: metav1.ConditionFalse, reason: reason, message: message}
}

// in another namespace, but for rows that have one.
func in(namespace string, rows []row) []row {
	for i := range rows {
		if rows[i].namespace == "" {
			rows[i].namespace = namespace
		}
	}
	return rows
}

// rows are those of the tenant with few resources.
func rows() []*row {
	all := slices.Concat(schemaRows(), nameRows(), customCheckRows(), inspectionRows(), egressRows(), responseRows(), accessRows(),
		channelRows(), providerRows(), collectionRows(), metadataRows(), pipelineSchemaRows(), pipelineRows(), deliveryRows(),
		clusterRows(), in(deploying, runRows()), in(deploying, bundleRows()))
	return pointers(all)
}

// crowds are the rows of another tenant, with many resources.
func crowds() []*row { return pointers(in(crowd, crowdRows())) }

func pointers(all []row) []*row {
	table := make([]*row, len(all))
	for i := range all {
		table[i] = &all[i]
	}
	return table
}

// apply the rows as their tenants, one after the other, as `kubectl apply` of a folder does.
func (c *cluster) apply(ctx context.Context, table []*row, s *servers) {
	c.t.Helper()
	var group sync.WaitGroup
	ctx, cancel := context.WithCancel(ctx)
	c.t.Cleanup(func() { cancel(); group.Wait() })
	c.stopTenants = func() { cancel(); group.Wait() }
	for _, r := range table {
		if r.namespace == "" {
			r.namespace = offender
		}
		manifest := s.in(strings.NewReplacer("$NAMESPACE", r.namespace, "$NAME", r.name).Replace(r.manifest))
		tenant := c.tenants[r.namespace]
		var err error
		for _, object := range r.withCopies(testkit.Manifests(c.t, r.name, []byte(manifest))) {
			if object.GetNamespace() == "" {
				object.SetNamespace(r.namespace)
			}
			if err = tenant.Create(ctx, object, client.FieldValidation("Strict")); err != nil {
				break
			}
			r.object = object
		}
		r.applied(err)
		if r.then != nil && r.err == nil {
			group.Go(func() {
				if err := r.then(ctx, tenant, r.object); err != nil && ctx.Err() == nil {
					c.t.Errorf("%s: %v", r.name, err)
				}
			})
		}
	}
}

// withCopies adds the copies of the last object before it.
func (r *row) withCopies(objects []*unstructured.Unstructured) []*unstructured.Unstructured {
	last := len(objects) - 1
	original := objects[last]
	objects = objects[:last]
	for i := range r.copies {
		copied := original.DeepCopy()
		copied.SetName(fmt.Sprintf("%d-%s", i, original.GetName()))
		objects = append(objects, copied)
	}
	return append(objects, original)
}

// applied judges the answer of the API server.
func (r *row) applied(err error) {
	switch {
	case r.want.refused == "" && err != nil:
		r.err = fmt.Errorf("the API server refused it: %.600w", err)
	case r.want.refused == "":
	case err == nil:
		r.err = fmt.Errorf("the API server did not refuse it")
	case !strings.Contains(err.Error(), r.want.refused):
		r.err = fmt.Errorf("the API server refused it, but not with %q: %.600w", r.want.refused, err)
	default:
		r.result = "refused at apply"
	}
}

// judge waits until each row has its outcome.
func (c *cluster) judge(table []*row) {
	c.t.Helper()
	pending := func(ctx context.Context) error {
		waiting := 0
		for _, r := range table {
			if r.result == "" && r.want.refused == "" && r.object != nil {
				c.look(ctx, r)
			}
			if r.result == "" && r.want.refused == "" && r.object != nil {
				waiting++
			}
		}
		if waiting > 0 {
			return fmt.Errorf("%d rows have another outcome", waiting)
		}
		return nil
	}
	deadline, cancel := context.WithTimeout(c.t.Context(), patience)
	defer cancel()
	c.t.Logf("%d rows are applied", len(table))
	for err := pending(deadline); err != nil && deadline.Err() == nil; err = pending(deadline) {
		pause(deadline, pollInterval)
	}
	for _, r := range table {
		if r.err != nil {
			c.t.Errorf("%s: %v", r.name, r.err)
		}
	}
	c.t.Logf("%d rows are judged", len(table))
	c.stopTenants()
}

// look at the object of a row once.
func (c *cluster) look(ctx context.Context, r *row) {
	object := &unstructured.Unstructured{}
	object.SetGroupVersionKind(r.object.GroupVersionKind())
	if err := c.client.Get(ctx, client.ObjectKeyFromObject(r.object), object); err != nil {
		if ctx.Err() == nil { // what was seen last says more than the end of the wait
			r.err = err
		}
		return
	}
	r.result, r.err = r.want.of(object)
	if r.err == nil && r.want.gap != "" {
		r.result = ""
		name, _, _ := unstructured.NestedString(object.Object, "status", "lastReport")
		report := &v1alpha1.InspectionReport{}
		if r.err = c.client.Get(ctx, client.ObjectKey{Namespace: r.namespace, Name: name}, report); r.err == nil {
			r.result, r.err = gapOf(report, r.want.gap)
		}
	}
}

// of judges the conditions of an object.
func (o outcome) of(object *unstructured.Unstructured) (result string, err error) {
	wanted := o.condition
	if wanted == "" {
		wanted = v1alpha1.ConditionReady
	}
	list, _, _ := unstructured.NestedSlice(object.Object, "status", "conditions")
	var conditions []metav1.Condition
	for _, item := range list {
		fields, _ := item.(map[string]any)
		text := func(key string) string { value, _ := fields[key].(string); return value }
		conditions = append(conditions, metav1.Condition{
			Type: text("type"), Status: metav1.ConditionStatus(text("status")), Reason: text("reason"), Message: text("message"),
		})
	}
	condition := meta.FindStatusCondition(conditions, wanted)
	if condition == nil {
		return "", fmt.Errorf("it has no condition %s", wanted)
	}
	message := condition.Message
	for _, complete := range conditions { // Ready is short
		if complete.Type == v1alpha1.ConditionReconciling || complete.Type != wanted && complete.Reason == condition.Reason {
			message += "\n" + complete.Message
		}
	}
	switch {
	case condition.Status != o.status, o.reason != "" && condition.Reason != o.reason, !strings.Contains(message, o.message):
		return "", fmt.Errorf("%s is %s, reason %s: %s", condition.Type, condition.Status, condition.Reason, condition.Message)
	}
	return condition.Type + "=" + string(condition.Status) + " " + condition.Reason, nil
}

func gapOf(report *v1alpha1.InspectionReport, text string) (result string, err error) {
	var texts []string
	for _, g := range report.Gaps {
		if strings.Contains(g.Message, text) {
			return "gap in the report", nil
		}
		texts = append(texts, fmt.Sprintf("%s %s: %s", g.Source, g.Reason, g.Message))
	}
	return "", fmt.Errorf("no gap of its report has %q:\n%s", text, strings.Join(texts, "\n"))
}

// report counts the outcomes by kind, and fails for rows with another one.
func report(t *testing.T, table []*row) {
	t.Helper()
	counts := map[string]int{}
	for _, r := range table {
		kind := "?"
		if r.object != nil {
			kind = r.object.GetKind()
		} else if _, rest, found := strings.Cut(r.manifest, "kind: "); found {
			kind, _, _ = strings.Cut(rest, "\n")
		}
		counts[kind+": "+r.result]++
	}
	var lines []string
	for line, n := range counts {
		lines = append(lines, fmt.Sprintf("%3d %s", n, line))
	}
	slices.SortFunc(lines, func(a, b string) int { return strings.Compare(a[4:], b[4:]) })
	t.Logf("%d rows:\n%s", len(table), strings.Join(lines, "\n"))
}
