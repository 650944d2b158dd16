package redact

import (
	"strings"
	"testing"

	"kubeops.io/kubeops/internal/testkit/corpus"
)

// maxWork is how many bytes the finder may read for each byte of a text.
const maxWork = 1000

func TestWorkGrowsWithTheTextOnly(t *testing.T) {
	lexicon := newLexicon()
	for _, part := range []string{
		`password="`, `password: `, "password: |\n", "password:\n", `"password": "x`, `password=\"`, `'password', `, "key=", "token ",
		"-p ", "pw:",
		"mysql -p ", "mysql ", "password|", "password,secret\n", "password  token\n", "| password |\n", "a:b@", "<password>",
		"<password", "pass(",
		"password(\"a\",", "name: password ", `{"name":"password",`, "password <<EOF\n", "password is ", "密码", "пароль ",
		"mot de passe ", "--password\n",
		"password is set to ", "AKIAaB3dE5fG7hJ9kL1m ", "password aB3dE5fG7hJ9 ", "password=[", "password=\"\"\"", "password: -\n",
		"&quot;password",
		"%22password%22%3A%22", "password\\\\\\\"", "password == ", "${password:-", "password............", "(((((password", "password='\n",
		"aB3dE5fG7hJ9kL1mN3oP.", "aB3dE5fG7hJ9kL1mN3oP.com.", "AKIA.aB3dE5fG7hJ9kL1mN3oP..",
	} {
		work := func(n int) int {
			text := strings.Repeat(part, n/len(part)+1)
			return lexicon.scan(text).work
		}
		small := work(1 << 12)
		large := work(1 << 15)
		if large > 10*small || large > maxWork<<15 {
			t.Errorf("%q: read %d bytes for 4 KiB, %d for 32 KiB", part, small, large)
		}
	}
}

func TestWorkOnTheCorpusIsBounded(t *testing.T) {
	lexicon := newLexicon()
	families, err := corpus.Families(corpus.Tuned, 1, 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		var all strings.Builder
		for _, sample := range append(family.Secrets, family.Harmless...) {
			all.WriteString(sample.Text + "\n")
		}
		if got := lexicon.scan(all.String()).work; got > 100*all.Len() {
			t.Errorf("%s: read %d bytes for %d", family.Name, got, all.Len())
		}
	}
}
