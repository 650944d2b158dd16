package explain

import (
	"encoding/json"
	"os"
	"testing"

	"sigs.k8s.io/yaml"

	"kubeops.io/kubeops/api/v1alpha1"
)

// answerOf is an answer with the same text as its cause and its claim.
func answerOf(t *testing.T, text string) string {
	t.Helper()
	content, err := json.Marshal(map[string]any{
		"cause": text, "why": []any{map[string]any{"claim": text, "evidence": []string{"e1"}, "quote": "OOMKilled"}}, "confidence": "high",
		"fix": []any{map[string]any{"description": text, "command": "kubectl -n shop rollout undo deploy/cart"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func TestNaturalChineseIsKeptAndOtherLanguagesAreDropped(t *testing.T) {
	content, err := os.ReadFile("testdata/language.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var corpus struct{ Chinese, NotChinese []string }
	if err := yaml.UnmarshalStrict(content, &corpus); err != nil {
		t.Fatal(err)
	}
	if len(corpus.Chinese) < 20 || len(corpus.NotChinese) < 20 {
		t.Fatalf("the corpus has %d and %d answers", len(corpus.Chinese), len(corpus.NotChinese))
	}
	want := expected(t)
	want.language = v1alpha1.LanguageChinese
	for _, text := range corpus.Chinese {
		if e := validate(answerOf(t, text), want); e.Dropped != "" || len(e.Fix) != 1 {
			t.Errorf("dropped as %s: %s", e.Dropped, text)
		}
	}
	for _, text := range corpus.NotChinese {
		if e := validate(answerOf(t, text), want); e.Dropped != DroppedWrongLanguage {
			t.Errorf("taken for Chinese: %s", text)
		}
	}
	for _, text := range corpus.Chinese {
		if e := validate(answerOf(t, text), expected(t)); e.Dropped != DroppedWrongLanguage {
			t.Errorf("taken for English: %s", text)
		}
	}
}

func TestEnglishWithForeignQuotesIsKept(t *testing.T) {
	for text, want := range map[string]string{
		"The log says `内存不足` and the container was killed.":               "",
		"Pod cart-0 is OOMKilled, since its limit of 64Mi is too small.":  "",
		"Raise the memory limit.":                                         "",
		"Der Container wurde beendet, weil das Limit zu klein ist.":       DroppedWrongLanguage,
		"El contenedor se reinicia porque no encuentra la base de datos.": DroppedWrongLanguage,
		"Контейнер завершён, потому что лимит памяти слишком мал.":        DroppedWrongLanguage,
	} {
		if e := validate(answerOf(t, text), expected(t)); e.Dropped != want {
			t.Errorf("got %q for %s", e.Dropped, text)
		}
	}
}

func TestAChineseAnswerHoldsThreeSuggestions(t *testing.T) {
	const defaultTokens = 1024
	l := roomFor(defaultTokens, v1alpha1.LanguageChinese)
	if l.fix != 3 || l.description < 30 || l.command < 100 {
		t.Errorf("got %+v", l)
	}
}
