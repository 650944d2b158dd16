package dashboard

import (
	"cmp"
	"context"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/inspect/render"
	"kubeops.io/kubeops/internal/printable"
)

// maxCauses in the overview. The reports have the rest.
const maxCauses = 100

// Cause is a problem that no other finding causes.
type Cause struct {
	ID         string     `json:"id" doc:"Identifier of the finding."`
	Check      string     `json:"check" doc:"Check that reported it."`
	Severity   string     `json:"severity" doc:"critical, high, medium, low or info."`
	State      string     `json:"state" doc:"new, persisting or flapping. Empty if it is unknown."`
	Cluster    string     `json:"cluster" doc:"Cluster of the object; local is the one that KubeOps runs in."`
	Object     string     `json:"object" doc:"Object as Kind/namespace/name or Kind/name."`
	Message    string     `json:"message" doc:"What is wrong."`
	Affects    int32      `json:"affects" doc:"Number of findings that it causes."`
	FirstSeen  *time.Time `json:"firstSeen,omitempty" doc:"First report of the uninterrupted series that has it."`
	Namespace  string     `json:"namespace" doc:"Namespace of the Inspection."`
	Inspection string     `json:"inspection" doc:"Inspection that found it."`
	Report     string     `json:"report" doc:"Report that has it."`
}

// Totals of the Inspections that a viewer can list.
type Totals struct {
	Inspections int   `json:"inspections" doc:"Number of Inspections."`
	Running     int   `json:"running" doc:"Inspections with a run in progress."`
	NotReady    int   `json:"notReady" doc:"Inspections that are not Ready."`
	New         int32 `json:"new" doc:"Root causes that the previous report of their Inspection did not have."`
	Fixed       int32 `json:"fixed" doc:"Root causes of problems that disappeared with the last report."`
	Gaps        int32 `json:"gaps" doc:"What the last runs could not read."`
}

// Overview is what is broken, the newest and worst first.
type Overview struct {
	Totals      Totals       `json:"totals" doc:"Totals of all Inspections."`
	Problems    Counts       `json:"problems" doc:"Root causes by severity. Each counts once, however many Inspections find it."`
	Causes      []Cause      `json:"causes" nullable:"false" doc:"Root causes: new ones first, then by severity. At most 100."`
	Inspections []Inspection `json:"inspections" nullable:"false" doc:"Inspections, those with the worst problems first. At most 20."`
	NewSince    *time.Time   `json:"newSince,omitempty" doc:"When the first of the new root causes appeared."`
	NotRead     int          `json:"notRead" doc:"Reports that could not be read. Of these, only the ten worst causes are shown."`
	ReadAt      time.Time    `json:"readAt" doc:"Time when the API server was read."`
}

type overviewOutput struct{ Body Overview }

func (s *Server) getOverview(ctx context.Context, _ *struct{}) (*overviewOutput, error) {
	body, err := s.overview(ctx, identityOf(ctx).viewer)
	if err != nil {
		return nil, failed(err)
	}
	return &overviewOutput{body}, nil
}

func (s *Server) overview(ctx context.Context, viewer Viewer) (Overview, error) {
	view := Overview{Causes: []Cause{}, Inspections: []Inspection{}, ReadAt: s.now()}
	found, err := s.inspectionsOf(ctx, viewer, "")
	if err != nil {
		return view, err
	}
	// The latest run decides about a finding that several Inspections have.
	slices.SortFunc(found, func(a, b v1alpha1.Inspection) int {
		return cmp.Or(compareTimes(timeOf(b.Status.LastRunTime), timeOf(a.Status.LastRunTime)), cmp.Compare(a.Namespace, b.Namespace),
			cmp.Compare(a.Name, b.Name))
	})
	digests, err := s.digestsOf(ctx, viewer, found)
	if err != nil {
		return view, err
	}
	seen := map[[2]string]bool{}
	for i := range found {
		row := inspectionOf(&found[i])
		view.Inspections = append(view.Inspections, row)
		view.Totals.count(row)
		d := digests[i]
		if d == nil {
			d = statusDigest(&found[i])
			if row.Report != "" {
				view.NotRead++
			}
		}
		view.Totals.Fixed += d.fixed
		for _, cause := range d.causes {
			key := [2]string{cause.Cluster, cause.ID}
			if seen[key] {
				continue
			}
			seen[key] = true
			view.add(cause)
		}
	}
	view.sort()
	return view, nil
}

func (t *Totals) count(i Inspection) {
	t.Inspections++
	t.Gaps += i.Gaps
	if i.Running {
		t.Running++
	}
	if i.Ready.Status != "True" && !i.Suspended {
		t.NotReady++
	}
}

func (o *Overview) add(cause Cause) {
	o.Causes = append(o.Causes, cause)
	o.Problems.add(v1alpha1.Severity(cause.Severity))
	if cause.State != string(v1alpha1.FindingNew) {
		return
	}
	o.Totals.New++
	if cause.FirstSeen != nil && (o.NewSince == nil || cause.FirstSeen.Before(*o.NewSince)) {
		o.NewSince = cause.FirstSeen
	}
}

func (o *Overview) sort() {
	slices.SortStableFunc(o.Causes, func(a, b Cause) int {
		return cmp.Or(cmp.Compare(newFirst(a), newFirst(b)),
			cmp.Compare(v1alpha1.Severity(a.Severity).Rank(), v1alpha1.Severity(b.Severity).Rank()), cmp.Compare(b.Affects, a.Affects),
			cmp.Compare(a.Object, b.Object))
	})
	o.Causes = o.Causes[:min(len(o.Causes), maxCauses)]
	by := inspectionColumns().sort["problems"]
	slices.SortStableFunc(o.Inspections, func(a, b Inspection) int { return by(b, a) })
	const most = 20
	o.Inspections = o.Inspections[:min(len(o.Inspections), most)]
}

func newFirst(c Cause) int {
	if c.State == string(v1alpha1.FindingNew) {
		return 0
	}
	return 1
}

// digest is what the overview and the list of clusters keep of a report, which does not change once it is saved.
type digest struct {
	namespace string
	causes    []Cause
	fixed     int32
	clusters  []v1alpha1.InspectedCluster
	score     *int32
	time      time.Time
	// single is true for a report about the cluster that KubeOps runs in.
	single bool
}

type digestKey struct{ namespace, report string }

// maxDigestReads of reports for one overview, each of at most 512 KiB, and parallelDigests at a time.
const (
	maxDigestReads  = 200
	parallelDigests = 8
	maxDigests      = 1000
)

// digestsOf the last reports of Inspections, nil for what the viewer cannot read. Reports are read as the viewer; one that is in memory is
// used if the viewer can get reports of its namespace.
func (s *Server) digestsOf(ctx context.Context, viewer Viewer, found []v1alpha1.Inspection) ([]*digest, error) {
	digests := make([]*digest, len(found))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallelDigests)
	for i := range found[:min(len(found), maxDigestReads)] {
		inspection := &found[i]
		if inspection.Status.LastReport == "" {
			continue
		}
		group.Go(func() (err error) {
			digests[i], err = s.digest(ctx, viewer, inspection)
			return err
		})
	}
	return digests, group.Wait()
}

func (s *Server) digest(ctx context.Context, viewer Viewer, inspection *v1alpha1.Inspection) (*digest, error) {
	allowed, err := s.access.allowed(ctx, viewer, own("get", reports, inspection.Namespace))
	if err != nil || !allowed {
		return nil, err
	}
	key := digestKey{inspection.Namespace, inspection.Status.LastReport}
	if cached, ok := s.digests.Get(key); ok {
		return cached.(*digest), nil
	}
	from, err := s.cluster.resources(viewer)
	if err != nil {
		return nil, err
	}
	report := &v1alpha1.InspectionReport{}
	err = from.Get().Namespace(key.namespace).Resource(reports).Name(key.report).Do(ctx).Into(report)
	switch {
	case isImpersonation(err):
		return nil, err
	case err != nil:
		return nil, nil //nolint:nilerr // deleted since, or not readable: the status of the Inspection has the worst causes
	}
	made := digestOf(report, inspection)
	s.digests.Add(key, made)
	return made, nil
}

func digestOf(r *v1alpha1.InspectionReport, inspection *v1alpha1.Inspection) *digest {
	fixed, _ := render.FixedNow(r)
	made := &digest{
		namespace: r.Namespace, fixed: int32(len(fixed)), clusters: r.Clusters, score: r.Summary.Score, time: r.Summary.StartTime.Time,
		single: len(r.Clusters) == 0,
	}
	compared := render.Compared(r.Summary)
	for i := range r.Findings {
		f := &r.Findings[i]
		if f.CausedBy != "" || !f.IsProblem() {
			continue
		}
		cause := Cause{
			ID: f.ID, Check: f.Check, Severity: string(f.Severity), State: string(f.State), Cluster: cmp.Or(f.Cluster,
				v1alpha1.LocalCluster),
			Object: objectName(f.Object), Message: printable.Block(f.Message), Affects: f.Affects, FirstSeen: timeOf(f.FirstSeen),
			Namespace: r.Namespace, Inspection: inspection.Name, Report: r.Name,
		}
		if !compared && f.State == v1alpha1.FindingNew {
			cause.State = ""
		}
		made.causes = append(made.causes, cause)
	}
	return made
}

// statusDigest has what the status of an Inspection repeats of its last report.
func statusDigest(i *v1alpha1.Inspection) *digest {
	made := &digest{score: i.Status.Score}
	for _, cause := range i.Status.RootCauses {
		made.causes = append(made.causes, Cause{
			ID: cause.ID, Check: cause.Check, Severity: string(cause.Severity), Cluster: v1alpha1.LocalCluster, Object: cause.Object,
			Message: printable.Block(cause.Message), Affects: cause.Affects, Namespace: i.Namespace, Inspection: i.Name,
			Report: i.Status.LastReport,
		})
	}
	return made
}

// objectName is Kind/namespace/name, or Kind/name.
func objectName(o v1alpha1.ObjectReference) string {
	if o.Namespace == "" {
		return o.Kind + "/" + o.Name
	}
	return o.Kind + "/" + o.Namespace + "/" + o.Name
}
