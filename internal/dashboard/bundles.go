package dashboard

import (
	"cmp"
	"context"
	"time"

	"k8s.io/apimachinery/pkg/runtime"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/printable"
)

// Bundle is a ResourceBundle as lists show it.
type Bundle struct {
	Namespace     string    `json:"namespace" doc:"Namespace of the ResourceBundle."`
	Name          string    `json:"name" doc:"Name of the ResourceBundle."`
	Mode          string    `json:"mode" doc:"Apply, or Plan for dry runs only."`
	Suspended     bool      `json:"suspended" doc:"True if nothing is applied or compared."`
	Ready         Readiness `json:"ready" doc:"Condition Ready: True while all objects are applied and healthy in all clusters."`
	Objects       int32     `json:"objects" doc:"Number of objects in the manifests."`
	ReadyClusters string    `json:"readyClusters" doc:"Ready clusters of all selected ones, for example 2/3."`
	Conflicts     int32     `json:"conflicts" doc:"Objects with a field that another field manager owns."`
	Drifted       int32     `json:"drifted" doc:"Objects that differ from what was applied."`
	Failed        int32     `json:"failed" doc:"Objects that could not be applied."`
}

// BundleObject is an object that needs attention.
type BundleObject struct {
	Object  Object   `json:"object" doc:"Object, or where its manifest is if it has no name."`
	State   string   `json:"state" doc:"For example Conflict, Drifted or Unhealthy; with mode Plan, what would happen."`
	Message string   `json:"message" doc:"Cause and next step."`
	Fields  []string `json:"fields" nullable:"false" doc:"Fields that the state refers to."`
}

// BundleCluster is the state of a bundle in a cluster.
type BundleCluster struct {
	Name        string         `json:"name" doc:"Name of the ManagedCluster; local is the cluster that KubeOps runs in."`
	Ready       bool           `json:"ready" doc:"True if all objects are applied and healthy."`
	Reason      string         `json:"reason" doc:"Why it is not, one word."`
	Message     string         `json:"message" doc:"Why it is not, and the next step."`
	AppliedTime *time.Time     `json:"appliedTime,omitempty" doc:"When the manifests were applied last."`
	Applied     int32          `json:"applied" doc:"Objects that are applied, and unchanged since."`
	Healthy     int32          `json:"healthy" doc:"Healthy objects of those."`
	Failed      int32          `json:"failed" doc:"Objects that could not be applied."`
	Conflicts   int32          `json:"conflicts" doc:"Objects with a conflict."`
	Drifted     int32          `json:"drifted" doc:"Objects that differ from what was applied."`
	Obsolete    int32          `json:"obsolete" doc:"Objects that are no longer in the manifests, and still in the cluster."`
	Create      int32          `json:"create" doc:"Objects that would be created, with mode Plan."`
	Change      int32          `json:"change" doc:"Objects that would be changed, with mode Plan."`
	Delete      int32          `json:"delete" doc:"Objects that would be deleted, with mode Plan."`
	Objects     []BundleObject `json:"objects" nullable:"false" doc:"Objects that need attention, at most 20."`
}

// Difference is a field that has another value than in the manifests.
type Difference struct {
	Cluster   string     `json:"cluster" doc:"Cluster of the object."`
	Object    Object     `json:"object" doc:"Object."`
	Field     string     `json:"field" doc:"Field, for example .spec.replicas."`
	Type      string     `json:"type" doc:"Conflict, Drift, or Yielded if the field is left to the other manager."`
	Manager   string     `json:"manager" doc:"Field manager that owns the field. Empty if it was removed."`
	LastWrite *time.Time `json:"lastWrite,omitempty" doc:"When that manager wrote to the object last, to this or another field."`
	FirstSeen time.Time  `json:"firstSeen" doc:"When the bundle saw the difference first."`
}

// BundleDetail is a ResourceBundle with its state in each cluster.
type BundleDetail struct {
	Bundle
	Conditions     []Condition     `json:"conditions" nullable:"false" doc:"All conditions."`
	ServiceAccount string          `json:"serviceAccount" doc:"ServiceAccount that applies the manifests."`
	OnConflict     string          `json:"onConflict" doc:"Fail, Force or Yield."`
	OnDrift        string          `json:"onDrift" doc:"Ignore, Report or Correct."`
	Prunes         bool            `json:"prunes" doc:"True if objects that are no longer in the manifests are deleted."`
	Clusters       []BundleCluster `json:"clusters" nullable:"false" doc:"State in each cluster, by name."`
	Differences    []Difference    `json:"differences" nullable:"false" doc:"Fields that differ from the manifests, at most 50."`
	ReadAt         time.Time       `json:"readAt" doc:"Time when the API server was read."`
}

type bundlesOutput struct{ Body Page[Bundle] }

func (s *Server) listBundles(ctx context.Context, query *Query) (*bundlesOutput, error) {
	readAt := s.now()
	var rows []Bundle
	err := s.collect(ctx, identityOf(ctx).viewer, bundles, query.Namespace, func() runtime.Object { return &v1alpha1.ResourceBundleList{} },
		func(o runtime.Object) { rows = append(rows, bundleOf(o.(*v1alpha1.ResourceBundle))) })
	if err != nil {
		return nil, failed(err)
	}
	body, err := page(*query, rows, bundleColumns(), readAt)
	return &bundlesOutput{body}, err
}

func bundleOf(b *v1alpha1.ResourceBundle) Bundle {
	status := &b.Status
	row := Bundle{
		Namespace: b.Namespace, Name: b.Name, Mode: string(cmp.Or(b.Spec.Mode, v1alpha1.BundleApply)), Suspended: b.Spec.Suspend,
		Ready: readinessOf(status.Conditions), Objects: status.Objects, ReadyClusters: status.ReadyClusters,
	}
	for i := range status.Clusters {
		counts := &status.Clusters[i].Counts
		row.Conflicts += counts.Conflicts
		row.Drifted += counts.Drifted
		row.Failed += counts.Failed
	}
	return row
}

func bundleColumns() columns[Bundle] {
	name := func(a, b Bundle) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	}
	return columns[Bundle]{
		initial: "ready",
		text: func(b Bundle) string {
			return b.Namespace + "/" + b.Name + " " + b.Ready.Reason + " " + b.Ready.Message
		},
		sort: map[string]func(a, b Bundle) int{
			"name": name,
			"ready": func(a, b Bundle) int {
				return cmp.Or(cmp.Compare(readyOrder(a.Ready, a.Suspended), readyOrder(b.Ready, b.Suspended)), name(a, b))
			},
			"conflicts": func(a, b Bundle) int { return cmp.Or(cmp.Compare(a.Conflicts, b.Conflicts), name(a, b)) },
			"drifted":   func(a, b Bundle) int { return cmp.Or(cmp.Compare(a.Drifted, b.Drifted), name(a, b)) },
		},
	}
}

type bundleOutput struct{ Body BundleDetail }

func (s *Server) getBundle(ctx context.Context, input *named) (*bundleOutput, error) {
	readAt := s.now()
	found := &v1alpha1.ResourceBundle{}
	if err := s.get(ctx, bundles, input, found); err != nil {
		return nil, failed(err)
	}
	view := bundleDetailOf(found)
	view.ReadAt = readAt
	return &bundleOutput{view}, nil
}

func bundleDetailOf(b *v1alpha1.ResourceBundle) BundleDetail {
	view := BundleDetail{
		Bundle: bundleOf(b), Conditions: conditionsOf(b.Status.Conditions), ServiceAccount: b.ServiceAccountName(),
		OnConflict: string(cmp.Or(b.Spec.Conflicts, v1alpha1.ConflictFail)), OnDrift: string(cmp.Or(b.Spec.Drift, v1alpha1.DriftReport)),
		Prunes: b.Spec.Prune != nil && b.Spec.Prune.Enabled, Clusters: []BundleCluster{}, Differences: []Difference{},
	}
	for i := range b.Status.Clusters {
		view.Clusters = append(view.Clusters, bundleClusterOf(&b.Status.Clusters[i]))
	}
	for _, c := range b.Status.Conflicts {
		view.Differences = append(view.Differences, Difference{
			Cluster: c.Cluster, Object: Object{c.APIVersion, c.Kind, c.Namespace, c.Name}, Field: printable.Line(c.Field),
			Type:    string(c.Type),
			Manager: printable.Line(c.Manager), LastWrite: timeOf(c.LastWriteTime), FirstSeen: c.FirstSeenTime.UTC(),
		})
	}
	return view
}

func bundleClusterOf(c *v1alpha1.BundleCluster) BundleCluster {
	n := &c.Counts
	view := BundleCluster{
		Name: c.Name, Ready: c.Ready, Reason: c.Reason, Message: printable.Block(c.Message), AppliedTime: timeOf(c.AppliedTime),
		Applied: n.Applied,
		Healthy: n.Healthy, Failed: n.Failed, Conflicts: n.Conflicts, Drifted: n.Drifted, Obsolete: n.Obsolete, Create: n.Create,
		Change: n.Change,
		Delete: n.Delete, Objects: []BundleObject{},
	}
	for _, o := range c.Objects {
		fields := []string{}
		for _, field := range o.Fields {
			fields = append(fields, printable.Line(field))
		}
		view.Objects = append(view.Objects, BundleObject{
			Object: Object{o.APIVersion, o.Kind, o.Namespace, printable.Line(o.Name)}, State: string(o.State),
			Message: printable.Block(o.Message),
			Fields:  fields,
		})
	}
	return view
}
