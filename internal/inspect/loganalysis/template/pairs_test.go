package template

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// pairs are messages of two statements that differ in one word.
func pairs() [][2]string {
	return [][2]string{
		{"cannot connect to redis", "cannot connect to postgres"},
		{"read from upstream timed out after 5s", "write from upstream timed out after 5s"},
		{"failed to start listener on :8080", "failed to stop listener on :8080"},
		{"order 7 was rejected by the payment service", "order 7 was rejected by the stock service"},
		{"certificate of ingress shop/web has expired", "certificate of ingress shop/web has changed"},
		{"leader election lost, shutting down", "leader election won, shutting down"},
		{"disk usage is above the soft limit", "disk usage is above the hard limit"},
		{"cannot list secrets in namespace shop: forbidden", "cannot list configmaps in namespace shop: forbidden"},
		{"connection to broker 3 refused", "connection to broker 3 reset"},
		{"ERROR cannot decode request body", "ERROR cannot decode response body"},
		{"2026-01-15 12:00:00 ERROR queue of orders is full", "2026-01-15 12:00:05 ERROR queue of orders is empty"},
		{"java.lang.IllegalStateException: pool is closed", "java.lang.IllegalArgumentException: pool is closed"},
		{"request failed: err=timeout status=500", "request failed: err=refused status=500"},
		{`sync failed {"key": "shop/cart", "error": "not found"}`, `sync failed {"key": "shop/cart", "error": "conflict found"}`},
		{"[ERROR] plugin/kubernetes: watch closed", "[ERROR] plugin/kubernetes: list closed"},
		{"GET /api/cart failed with 500", "POST /api/cart failed with 500"},
		{"ERROR cache of sessions is stale", "WARN cache of sessions is stale"},
		{"level=error msg=\"lost lease\" n=1", "level=warning msg=\"lost lease\" n=2"},
		{"worker 4 reports ERROR for its task", "worker 4 reports WARNING for its task"},
		{"mount of volume data failed, retrying", "unmount of volume data failed, retrying"},
	}
}

func TestTwoStatementsThatDifferInAWordAreTwoTemplates(t *testing.T) {
	t.Parallel()
	if len(pairs()) < 20 {
		t.Fatal("the goal is stated for 20 pairs")
	}
	for _, pair := range pairs() {
		m := New[int](Options{}, nil)
		for range 5 {
			for _, line := range pair {
				m.Learn(line)
			}
		}
		if got := told(m); len(got) != 2 {
			t.Errorf("%q and %q are %q", pair[0], pair[1], got)
		}
		// In the baseline, one statement does not stand for the other.
		known := New[int](Options{}, nil)
		known.Learn(pair[0])
		if found := known.Find(pair[1]); found != nil && found.Count > 1 || known.Find(pair[0]).Count != 2 {
			t.Errorf("%q was found for %q", found, pair[1])
		}
	}
}

func TestAWordVariesAfterThreeSiblings(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		line  string
		words []string
		want  []string
	}{
		"a long message": {
			"user %s has no access to the basket of this shop", []string{"ann", "bob", "cem"},
			[]string{"3 user <*> has no access to the basket of this shop"},
		},
		"two words are not enough": {
			"user %s has no access to the basket of this shop", []string{"ann", "bob"},
			[]string{"1 user ann has no access to the basket of this shop", "1 user bob has no access to the basket of this shop"},
		},
		"a short message needs one more": {"login of %s failed", []string{"ann", "bob", "cem", "dan"}, []string{"4 login of <*> failed"}},
		"the first word is another statement": {
			"%s of the order failed", []string{"rollback", "commit", "export", "import"},
			[]string{"1 commit of the order failed", "1 export of the order failed", "1 import of the order failed", "1 rollback of the order failed"},
		},
		"the first word after a logger": {
			"shop.Order: %s of the order failed", []string{"rollback", "commit", "export"},
			[]string{"1 shop.Order: commit of the order failed", "1 shop.Order: export of the order failed", "1 shop.Order: rollback of the order failed"},
		},
		"a level never varies": {
			"the worker of the shop reports %s for a task", []string{"ERROR", "WARN", "FATAL", "INFO"},
			[]string{
				"1 the worker of the shop reports ERROR for a task", "1 the worker of the shop reports FATAL for a task",
				"1 the worker of the shop reports INFO for a task", "1 the worker of the shop reports WARN for a task",
			},
		},
		"a method never varies": {
			"%s /cart of the shop failed with status 500", []string{"GET", "POST", "PUT"},
			[]string{
				"1 GET /cart of the shop failed with status <num>", "1 POST /cart of the shop failed with status <num>",
				"1 PUT /cart of the shop failed with status <num>",
			},
		},
		"the value of a key": {"cannot store row table=%s", []string{"orders", "carts"}, []string{"2 cannot store row table=<*>"}},
		"a name":             {"cannot resolve %s", []string{"db.shop.svc", "cache.shop.svc"}, []string{"2 cannot resolve <*>.shop.svc"}},
		"a value and a word": {"node %s is gone", []string{"7", "master"}, []string{"2 node <*> is gone"}},
		"none and a value":   {"status %s of the node", []string{"7", "-"}, []string{"1 status - of the node", "1 status <num> of the node"}},
		"an id in a name":    {"Pod %s failed", []string{"cart-7d9f8bc6f4-x2x4z", "shop-5c4d7f9b8c-q9z7k"}, []string{"2 Pod <*>-<id>-<id> failed"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := New[int](Options{}, nil)
			for _, word := range tc.words {
				m.Learn(fmt.Sprintf(tc.line, word))
			}
			if diff := cmp.Diff(tc.want, told(m)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestMergedTemplatesKeepTheirData(t *testing.T) {
	t.Parallel()
	m := New(Options{}, func(into, from *[]string) { *into = append(*into, *from...) })
	words := []string{"ann", "bob", "cem", "dan", "eve", "ann", "bob"}
	for _, word := range words {
		found := m.Learn(word + " is here") // a first word varies late
		found.Data = append(found.Data, "here "+word)
		found = m.Learn("user " + word + " has no access to the basket of this shop")
		found.Data = append(found.Data, word)
	}
	top := m.Templates()[0]
	slices.Sort(top.Data)
	want := slices.Sorted(slices.Values(words))
	if diff := cmp.Diff(want, top.Data); diff != "" || top.Count != len(words) {
		t.Errorf("%d lines of %s, -want +got:\n%s", top.Count, top, diff)
	}
	if len(m.exact)+1 != len(m.all) {
		t.Errorf("%d texts of %d templates: the merged ones are still indexed", len(m.exact), len(m.all))
	}
}

func TestWordsThatVaryOnlyInTheBaselineAreLearnedFromIt(t *testing.T) {
	t.Parallel()
	m := New(Options{}, func(into, from *int) { *into += *from })
	m.Learn("user ann has no access to the basket of this shop").Data = 100
	for _, word := range []string{"bob", "cem", "dan"} {
		if found := m.Find("user " + word + " has no access to the basket of this shop"); found == nil {
			t.Fatalf("no template of %s", word)
		} else {
			found.Data++
		}
	}
	if m.Find("nothing like that was ever logged by this shop today") != nil {
		t.Error("a message without a similar template has one")
	}
	all := m.Templates()
	if len(all) != 1 || all[0].Data != 103 || all[0].Rank != 0 || all[0].Count != 4 {
		t.Errorf("%+v", all[0])
	}
	for i := range 1000 { // siblings of the baseline are evicted first
		m.Find("user ann has no access to the basket of this " + strings.Repeat("x", i%500+1))
	}
	if templates, lines := m.Evicted(); templates != 0 || lines != 0 {
		t.Errorf("%d templates with %d lines evicted", templates, lines)
	}
}

func TestTheSameErrorHasOneTemplateAtAllTimes(t *testing.T) {
	t.Parallel()
	for name, lines := range map[string][]string{
		"ISO":    {"2026-01-31T23:59:59.123Z ERROR disk of node 7 is full", "2026-02-01T00:00:00Z ERROR disk of node 7 is full"},
		"local":  {"2026-01-31 23:59:59,999 ERROR disk of node 7 is full", "2026-02-01 00:00:00 ERROR disk of node 7 is full"},
		"syslog": {"Jan 31 23:59:59 node-1 disk of node 7 is full", "Feb  1 00:00:00 node-2 disk of node 7 is full"},
		"asctime": {
			"Sat Jan 31 23:59:59 2026 disk of node 7 is full", "Sun Feb  1 00:00:00 2026 disk of node 7 is full",
		},
		"access log": {
			`10.0.0.1 - - [31/Jan/2026:23:59:59 +0000] "GET /x HTTP/1.1" 500 7`, `10.0.0.1 - - [01/Feb/2026:00:00:00 +0000] "GET /x HTTP/1.1" 500 7`,
		},
		"klog":    {"E0131 23:59:59.999999       1 sync.go:7] disk is full", "E0201 00:00:00.000000       1 sync.go:7] disk is full"},
		"message": {"backup of Saturday, January 31, 2026 failed", "backup of Sunday, February 1, 2026 failed"},
		"mail":    {"lease until Sat, 31 Jan 2026 23:59:59 GMT is lost", "lease until Sun, 01 Feb 2026 00:00:00 GMT is lost"},
		"US":      {"1/31/2026 11:59:59 PM: disk is full", "2/1/2026 12:00:00 AM: disk is full"},
		"logger":  {"[31-Jan-2026 23:59:59 UTC] PHP Fatal error: disk is full", "[01-Feb-2026 00:00:00 UTC] PHP Fatal error: disk is full"},
	} {
		if got := told(mine(Options{}, lines...)); len(got) != 1 {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestHeadersAreNotCompared(t *testing.T) {
	t.Parallel()
	got := told(mine(Options{},
		"2026-01-15 12:00:00.123  INFO 1 --- [main] c.e.shop.Order : order 7 placed",
		"2026-01-15 12:00:00.124  INFO 1 --- [http-nio-8080-exec-12] c.e.shop.Order : order 8 placed",
		"2026-01-15 12:00:00.125  WARN 1 --- [worker thread 3] c.e.shop.Order : order 9 placed",
		"2026-01-15 12:00:00.126  INFO 1 --- [main] c.e.shop.Cart : order 7 placed",
	))
	want := []string{
		"2 <time> INFO <num> --- [<*>] c.e.shop.Order : order <num> placed",
		"1 <time> INFO <num> --- [<*>] c.e.shop.Cart : order <num> placed",
		"1 <time> WARN <num> --- [<*>] c.e.shop.Order : order <num> placed",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestValuesOfAllKindsAreMasked(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"offset -5 of (-6) and [+7], key:-8 and blk_-9": "offset <num> of (<num>) and [<num>], key:<num> and blk_<num>",
		"a-5 and 5-6 stay":                                          "a-<num> and <num>-<num> stay",
		"enabled=true, of True or FALSE, untrue":                    "enabled=<bool>, of <bool> or <bool>, untrue",
		"open /etc/shop/config.yaml: no such file":                  "open <path>: no such file",
		"open /var/log/x.log:12 or C:\\shop\\x.dll.":                "open <path>:<num> or <path>.",
		"GET /var/cart and /api/cart and a/b and / and /etc":        "GET /var/cart and /api/cart and a/b and / and /etc",
		`body \"orders\" and 'x' and ` + "`y`" + ` and "z"`:         "body <str> and <str> and <str> and <str>",
		`ended {"name": "cart", "error": "no route", "n": 7}`:       `ended {"name": <str>, "error": no route, "n": <num>}`,
		`ended {"reason":"Back off","msg":"no","id":"x"}`:           `ended {"reason":Back off,"msg":no,"id":<str>}`,
		`failed reason="no route" error: "refused" user: "al"`:      "failed reason=no route error: refused user: <str>",
		`10.0.0.1 "GET /cart HTTP/1.1" 500`:                         "<ip> GET /cart HTTP/<num> <num>",
		"mask ffffffff of deadbeef":                                 "mask <id> of <id>",
		"request req-550e8400-e29b-41d4-a716-446655440000 ended":    "request req-<uuid> ended",
		"parts [4, 5, 6] of [7] and [a, 8] and [-]":                 "parts [<*>] of [<num>] and [a, <num>] and [<*>]",
		"blocks 1 2 3 4 5 6 of 7 8":                                 "blocks <num> <...> of <num> <num>",
		"again again again again again":                             "again again again again again",
		"until Jan 15 12:00:00 and 2026-01-15 and 15/Jan/2026:1:02": "until <time> and <time> and <time>",
	} {
		if got := masked(line); got != want {
			t.Errorf("%q\n got %q\nwant %q", line, got, want)
		}
	}
}
