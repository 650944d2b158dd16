package explain

import (
	"strings"
	"testing"

	"kubeops.io/kubeops/api/v1alpha1"
)

func TestOnlyWordsOfTheEvidenceAreQuoted(t *testing.T) {
	want := expected(t)
	want.cited["e1"] = source{
		of: v1alpha1.EvidenceLog, text: "2026-01-15T12:00:00Z OOMKilled after 4 restarts; GET http://db.shop:5432/x refused", ours: true,
	}
	quoting := func(quote string) v1alpha1.Explanation {
		return validate(strings.Replace(good(), `"OOMKilled"`, `"`+quote+`"`, 1), want)
	}
	for quote, valid := range map[string]bool{
		"oomkilled after 4 restarts": true, "GET http://db.shop:5432/x refused": true,
		"9 restarts": false, "2031-12-31T00:00:00Z": false, "12345678": false, "2h30m": false, "OOMKilled after 9 restarts": false,
	} {
		if e := quoting(quote); (e.Why[0].Quote != "") != valid {
			t.Errorf("%q: got %+v", quote, e.Why)
		}
	}
	// The same answer from a cache is as certain, also after another restart.
	for _, quote := range []string{"OOMKilled after 4 restarts", "GET http://db.shop:5432/x refused"} {
		first := quoting(quote)
		later := want
		later.cited = map[string]source{"e1": want.cited["e1"], "e2": want.cited["e2"]}
		moved := later.cited["e1"]
		moved.text = strings.Replace(moved.text, "4 restarts", "9 restarts", 1)
		later.cited["e1"] = moved
		if again, valid := revalidate(first, later); !valid || again.Why[0].Quote != first.Why[0].Quote || again.Confidence != first.Confidence {
			t.Errorf("%q: got %v %+v", quote, valid, again)
		}
	}
	forged := quoting("oomkilled after")
	forged.Why[0].Quote = "12345678"
	if again, _ := revalidate(forged, want); again.Why[0].Quote != "" {
		t.Errorf("got %+v", again.Why)
	}
}
