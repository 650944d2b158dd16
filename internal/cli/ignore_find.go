package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/cli/command"
	"kubeops.io/kubeops/internal/cli/connect"
	"kubeops.io/kubeops/internal/text"
)

// minPrefix is the shortest prefix of an id that identifies a finding, in bytes.
const minPrefix = 4

// foundFinding is a finding in the latest report of an Inspection.
type foundFinding struct {
	inspection *v1alpha1.Inspection
	report     *v1alpha1.InspectionReport
	finding    v1alpha1.Finding
}

// findFinding looks a finding up in the latest reports: those of all Inspections of the namespace, or of the named one.
func findFinding(ctx context.Context, s *connect.Store, inspection, wanted string) (*foundFinding, error) {
	candidates, err := inspectionsWithReport(ctx, s, inspection)
	if err != nil {
		return nil, err
	}
	var found []foundFinding
	var all []v1alpha1.Finding
	for i := range candidates {
		report, err := s.NamedReport(ctx, candidates[i].Status.LastReport)
		if err != nil {
			return nil, err
		}
		all = append(all, report.Findings...)
		for _, f := range matchFindings(report.Findings, wanted) {
			found = append(found, foundFinding{&candidates[i], report, f})
		}
	}
	switch len(found) {
	case 1:
		return &found[0], nil
	case 0:
		return nil, noFinding(s, candidates, all, wanted)
	}
	return nil, severalFindings(found, wanted)
}

// candidates are the Inspections that have a report.
func inspectionsWithReport(ctx context.Context, s *connect.Store, name string) ([]v1alpha1.Inspection, error) {
	if name != "" {
		ref, err := connect.ParseReference(name, connect.InspectionKind())
		if err != nil {
			return nil, fmt.Errorf("--inspection: %w", err)
		}
		inspection, err := s.Inspection(ctx, ref.Name)
		if err != nil {
			return nil, err
		}
		if inspection.Status.LastReport == "" {
			return nil, fmt.Errorf("inspection %s/%s has no report yet", inspection.Namespace, inspection.Name)
		}
		return []v1alpha1.Inspection{*inspection}, nil
	}
	list, err := s.Inspections(ctx)
	if err != nil {
		return nil, err
	}
	list = slices.DeleteFunc(list, func(i v1alpha1.Inspection) bool { return i.Status.LastReport == "" })
	if len(list) == 0 {
		return nil, fmt.Errorf("no Inspection with a report in %s of context %q%s", s.Where(), s.Target.Cluster, s.MissingNamespace(ctx))
	}
	return list, nil
}

// matchFindings returns the findings that a text identifies: by the exact id, or else a prefix of it, or else check and object.
func matchFindings(findings []v1alpha1.Finding, wanted string) []v1alpha1.Finding {
	for _, match := range []func(v1alpha1.Finding) bool{
		func(f v1alpha1.Finding) bool { return f.ID == wanted },
		func(f v1alpha1.Finding) bool { return len(wanted) >= minPrefix && strings.HasPrefix(f.ID, wanted) },
		func(f v1alpha1.Finding) bool { return isCheckAndObject(f, wanted) },
	} {
		var found []v1alpha1.Finding
		for _, f := range findings {
			if match(f) {
				found = append(found, f)
			}
		}
		if len(found) > 0 {
			return found
		}
	}
	return nil
}

// isCheckAndObject reports whether a text consists of the check and the object of a finding. Between and within them are slashes or
// spaces, as in check/Kind/namespace/name. The check may come last, as in the table, and the kind and the namespace may be missing.
func isCheckAndObject(f v1alpha1.Finding, wanted string) bool {
	words := strings.FieldsFunc(wanted, func(r rune) bool { return r == '/' || r == ' ' || r == '\t' })
	if len(words) < 2 {
		return false
	}
	last := len(words) - 1
	switch f.Check {
	case words[0]:
		words = words[1:]
	case words[last]:
		words = words[:last]
	default:
		return false
	}
	o := f.Object
	name := []string{o.Name}
	full := name
	if o.Namespace != "" {
		full = []string{o.Namespace, o.Name}
	}
	return slices.Equal(words, name) || slices.Equal(words, full) || strings.EqualFold(words[0], o.Kind) &&
		(slices.Equal(words[1:], name) || slices.Equal(words[1:], full))
}

func noFinding(s *connect.Store, candidates []v1alpha1.Inspection, all []v1alpha1.Finding, wanted string) error {
	var known []string
	for _, f := range all {
		known = append(known, f.ID, f.Check+"/"+f.Object.Name, f.Check+"/"+strings.Replace(objectName(f.Object), " ", "/", 1))
	}
	var names []string
	for _, c := range candidates {
		names = append(names, c.Name)
	}
	return fmt.Errorf("no finding %q in the latest reports of %s in %s of context %q%s; `kubeops report -o json` prints the ids", wanted,
		text.List(names, command.MaxNames), s.Where(), s.Target.Cluster, command.DidYouMean(command.Nearest(known, wanted)))
}

func severalFindings(found []foundFinding, wanted string) error {
	var lines, inspections []string
	same := true
	for _, f := range found {
		same = same && f.finding.ID == found[0].finding.ID
		inspections = append(inspections, f.inspection.Name)
		lines = append(lines, fmt.Sprintf("%s (%s %s)", f.finding.ID, f.finding.Check, objectName(f.finding.Object)))
	}
	if same {
		return fmt.Errorf("several Inspections have finding %q: add --inspection with one of %s", wanted,
			text.List(inspections, command.MaxNames))
	}
	return errors.New("several findings match " + fmt.Sprintf("%q: specify one of ", wanted) + text.List(lines, command.MaxNames))
}
