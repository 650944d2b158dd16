package connect

import "testing"

// The short names are those of the CRDs.
func TestKindsAreAcceptedUnderEachOfTheirNames(t *testing.T) {
	for _, kind := range append(ReconciledKinds(), ReportKind()) {
		for _, name := range append(kind.Names(), kind.Kind) {
			ref, err := ParseReference(name+"/x", append(ReconciledKinds(), ReportKind())...)
			if err != nil || ref.Kind.Kind != kind.Kind || ref.Name != "x" {
				t.Errorf("%s: %+v, %v", name, ref, err)
			}
		}
	}
}
