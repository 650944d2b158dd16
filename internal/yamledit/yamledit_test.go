package yamledit

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const values = `# Values of shop.
image:   # which image
  repository: registry.example.com/shop
  tag: v1.2.3   # set by the pipeline
  "pull.policy": 'IfNotPresent'
replicas: 3

# üüü before a column
hosts: [ {name: ü, port: 80}, {name: b, port: "81"} ]
env:
- name: A
  value: "one\ttwo"
- name: B
  value: plain text with spaces
empty:
nothing: ~
block: |
  several
  lines
shared: &shared {key: value}
own: *shared
merged:
  <<: *shared
twice: 1
twice: 2
long: this text
  goes on
tagged: !!str 5
`

func TestSetReplacesOneScalarAndKeepsEverythingElse(t *testing.T) {
	for name, tc := range map[string]struct{ path, value, old, want string }{
		"a text with a comment":         {"image.tag", "v2", "tag: v1.2.3   # set", "tag: v2   # set"},
		"a text that looks like number": {"image.tag", "1.10", "tag: v1.2.3 ", `tag: "1.10" `},
		"a hash that looks like one":    {"image.tag", "1234e5", "tag: v1.2.3 ", `tag: "1234e5" `},
		"a word of YAML 1.1":            {"image.tag", "on", "tag: v1.2.3 ", `tag: "on" `},
		"an empty text":                 {"image.tag", "", "tag: v1.2.3 ", `tag: "" `},
		"a text that needs quotes":      {"image.tag", "a: b # c", "tag: v1.2.3 ", `tag: "a: b # c" `},
		"single quotes":                 {`image["pull.policy"]`, "it's", "'IfNotPresent'", "'it''s'"},
		"double quotes":                 {"env[name=A].value", `say "x\y"`, `"one\ttwo"`, `"say \"x\\y\""`},
		"a number":                      {"replicas", "12", "replicas: 3", "replicas: 12"},
		"a number that becomes a text":  {"replicas", "many", "replicas: 3", "replicas: many"},
		"a number and a boolean":        {"replicas", "true", "replicas: 3", `replicas: "true"`},
		"an index":                      {"env[1].value", "x", "plain text with spaces", "x"},
		"in braces after a rune":        {"hosts[0].port", "8080", "port: 80}", "port: 8080}"},
		"in braces, a comma":            {"hosts[0].name", "a,b", "name: ü,", `name: "a,b",`},
		"in braces, with quotes":        {"hosts[name=b].port", "82", `"81"`, `"82"`},
		"null":                          {"nothing", "x", "nothing: ~", "nothing: x"},
		"a text null":                   {"nothing", "null", "nothing: ~", `nothing: "null"`},
	} {
		t.Run(name, func(t *testing.T) {
			path, err := Parse(tc.path)
			if err != nil {
				t.Fatal(err)
			}
			for _, end := range []string{"\n", "\r\n"} {
				content := strings.ReplaceAll(values, "\n", end)
				got, err := Set([]byte(content), path, tc.value)
				if err != nil {
					t.Fatal(err)
				}
				if strings.Count(content, tc.old) != 1 {
					t.Fatalf("%q is not in the file once", tc.old)
				}
				if diff := cmp.Diff(strings.Replace(content, tc.old, tc.want, 1), string(got)); diff != "" {
					t.Error(diff)
				}
				if value, err := Get(got, path); err != nil || value != tc.value {
					t.Errorf("Get: %q, %v", value, err)
				}
				if restored, err := Restore(got, []byte(content), path); err != nil || string(restored) != content {
					t.Errorf("Restore: %v\n%s", err, restored)
				}
				if again, err := Set(got, path, tc.value); err != nil || string(again) != string(got) {
					t.Errorf("a second time: %v", err)
				}
			}
		})
	}
}

func TestSetRefusesWhatItCannotChangeAlone(t *testing.T) {
	for path, want := range map[string]string{
		"image":            "a mapping",
		"env":              "a list",
		"env[7].value":     "item 7 of a list of 2 does not exist",
		"env[name=C].name": "an item with name=C does not exist",
		"missing.key":      "key missing does not exist",
		"replicas.key":     "its parent is a single value",
		"empty":            "is empty",
		"block":            "a block of several lines",
		"shared.key":       "anchor &shared is on the way",
		"own":              "alias *shared",
		"own.key":          "alias *shared is on the way",
		"merged.key":       "a merge",
		"twice":            "exists twice",
		"long":             "several lines",
		"tagged":           "has a tag",
	} {
		t.Run(path, func(t *testing.T) {
			parsed, err := Parse(path)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := Set([]byte(values), parsed, "x"); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("got %v, want %q\n%s", err, want, got)
			}
		})
	}
	for name, tc := range map[string]struct{ content, value, want string }{
		"several documents":     {"a: 1\n---\na: 2\n", "x", "several documents"},
		"one of two documents":  {"a: 1\n---\nb: 2\n", "x", ""},
		"an anchor on a scalar": {"a: &x 1\nb: *x\n", "2", "anchor &x"},
		"no YAML":               {"a: [", "x", "not valid YAML"},
		"nothing":               {"", "x", "the file is empty"},
		"a line break":          {"a: 1\n", "x\ny", "line breaks"},
		"a long value":          {"a: 1\n", strings.Repeat("x", 1025), "at most 1024"},
		"a large file":          {"a: 1\n#" + strings.Repeat("x", MaxBytes), "x", "at most 1048576"},
		"two items":             {"a: 1\nb: [{n: x}, {n: x}]\n", "x", ""},
	} {
		t.Run(name, func(t *testing.T) {
			path, err := Parse("a")
			if err != nil {
				t.Fatal(err)
			}
			_, err = Set([]byte(tc.content), path, tc.value)
			if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}

func TestPathsThatAreNone(t *testing.T) {
	for _, text := range []string{
		"", ".", "a.", "a..b", "[", "[]", "[x]", "[-1]", "a[b=]", "a[=b]", `["]`, `["a"`, `["a]`, `[""]`, "a]b", `a"b`, "a[0]b",
		strings.Repeat("a.", 40) + "a", strings.Repeat("a", 600),
	} {
		if p, err := Parse(text); err == nil {
			t.Errorf("%q is %+v", text, p)
		}
	}
}

const kustomization = `apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
images:
  # the shop
  - name: shop   # ours
    newTag: "1.0"
  - digest: sha256:aaaa
    name: pinned
  - name: bare
  - {name: flow, newTag: v1}
  - name: moved
    newName: registry.example.com/moved
    digest: sha256:0000000000000000000000000000000000000000000000000000000000000000 # pinned
`

func TestImagesOfAKustomization(t *testing.T) {
	digest := "sha256:" + strings.Repeat("1", 64)
	for name, tc := range map[string]struct{ image, value, old, want, wrong string }{
		"a tag":              {"shop", "1.1", `newTag: "1.0"`, `newTag: "1.1"`, ""},
		"a tag and a name":   {"shop", "r.example.com:5000/shop:v2", "# ours\n    newTag: \"1.0\"", "# ours\n    newName: r.example.com:5000/shop\n    newTag: \"v2\"", ""},
		"a digest":           {"shop", digest, "# ours\n    newTag: \"1.0\"", "# ours\n    digest: " + digest, ""},
		"the first":          {"bare", "123", "name: bare\n", "name: bare\n    newTag: \"123\"\n", ""},
		"in braces":          {"flow", "v2", "newTag: v1}", "newTag: v2}", ""},
		"in braces, another": {"flow", digest, "", "", "on a line of its own"},
		"a tag for a digest": {"moved", "v3", "newName: registry.example.com/moved\n    digest: sha256:" + strings.Repeat("0", 64) + " # pinned\n", "newTag: v3\n    newName: registry.example.com/moved\n", ""},
		"before the name":    {"pinned", "v2", "", "", "on a line of its own"},
		"missing":            {"other", "v2", "", "", "add the entry"},
		"not an image":       {"shop", "a b", "", "", "neither a tag"},
		"a short digest":     {"shop", "shop@sha256:12", "", "", "64 hexadecimal"},
	} {
		t.Run(name, func(t *testing.T) {
			fields, err := ParseImage(tc.value)
			var got []byte
			if err == nil {
				got, err = SetImage([]byte(kustomization), tc.image, fields)
			}
			if (err == nil) != (tc.wrong == "") || err != nil && !strings.Contains(err.Error(), tc.wrong) {
				t.Fatalf("got %v, want %q", err, tc.wrong)
			}
			if err != nil {
				return
			}
			if strings.Count(kustomization, tc.old) != 1 {
				t.Fatalf("%q is not in the file once", tc.old)
			}
			if diff := cmp.Diff(strings.Replace(kustomization, tc.old, tc.want, 1), string(got)); diff != "" {
				t.Error(diff)
			}
			before, err := GetImage([]byte(kustomization), tc.image)
			if err != nil {
				t.Fatal(err)
			}
			restored, err := RestoreImage(got, tc.image, before)
			if err != nil {
				t.Fatal(err)
			}
			after, err := GetImage(restored, tc.image)
			if diff := cmp.Diff(before, after); diff != "" || err != nil {
				t.Error(diff, err)
			}
		})
	}
}

func FuzzSet(f *testing.F) {
	for _, path := range []string{"image.tag", "env[name=A].value", "hosts[0].port", `image["pull.policy"]`, "replicas"} {
		f.Add([]byte(values), path, "v2")
	}
	f.Add([]byte("a: 'x\r\n'\n"), "a", "'")
	f.Add([]byte("\ufeffa: 1"), "a", "2")
	f.Add([]byte(kustomization), "images[name=shop].newTag", "latest")
	f.Fuzz(func(t *testing.T, content []byte, text, value string) {
		path, err := Parse(text)
		if err != nil {
			return
		}
		edited, err := Set(content, path, value)
		if err != nil {
			return
		}
		if got, err := Get(edited, path); err != nil || got != value {
			t.Errorf("%q in %q: got %q, %v", text, edited, got, err)
		}
	})
}

func FuzzSetImage(f *testing.F) {
	f.Add([]byte(kustomization), "shop", "v2")
	f.Add([]byte(kustomization), "bare", "a/b:v2@sha256:"+strings.Repeat("a", 64))
	f.Add([]byte("images:\n- name: a"), "a", "1")
	f.Fuzz(func(t *testing.T, content []byte, image, value string) {
		fields, err := ParseImage(value)
		if err != nil {
			return
		}
		edited, err := SetImage(content, image, fields)
		if err != nil {
			return
		}
		got, err := GetImage(edited, image)
		if fields["newName"] == "" {
			delete(got, "newName")
		}
		if diff := cmp.Diff(fields, got); diff != "" || err != nil {
			t.Errorf("%q: %s %v", edited, diff, err)
		}
	})
}
