package gitrepo

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/problem"
	"kubeops.io/kubeops/internal/provider"
	"kubeops.io/kubeops/internal/testkit/gitserver"
)

// open the repository of a test server.
func open(t *testing.T, server *gitserver.Server, change ...func(*Remote, *Options)) *Repository {
	t.Helper()
	remote := Remote{
		URL: server.URL, Username: gitserver.User, Password: gitserver.Password, Fields: provider.Fields{URL: "commit.repository", Auth: "commit.secretRef"},
	}
	options := Options{Egress: provider.Egress{AllowLoopback: true, DetailedDialErrors: true}}
	for _, f := range change {
		f(&remote, &options)
	}
	r, err := Open(remote, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

// appending is a change that adds a line to a file.
func appending(key, file, line string) Change {
	return Change{Branch: "main", Message: "deploy " + line, Key: key, Name: "KubeOps", Email: "kubeops@example.com", Build: func(s *Snapshot) error {
		content, err := s.Read(file)
		if err != nil {
			return err
		}
		s.Write(file, append(append([]byte(nil), content...), line+"\n"...))
		return nil
	}}
}

func wantProblem(t *testing.T, err error, reason string, action problem.Action, text string) {
	t.Helper()
	p := problem.As(err)
	if p == nil || p.Reason != reason || p.Action != action || !strings.Contains(p.Message, text) {
		t.Errorf("got %+v (%v), want reason %s, action %d, %q", p, err, reason, action, text)
	}
}

func TestACommitChangesOneFileAndIsFoundByItsKey(t *testing.T) {
	server := gitserver.New(t, map[string]string{"README.md": "hello\n", "apps/shop/values.yaml": "tag: v1\n", "apps/shop/run.sh": "true\n"})
	server.Git("config", "http.receivepack", "true")
	r := open(t, server)
	first, err := r.Tip(t.Context(), "main")
	if err != nil {
		t.Fatal(err)
	}
	if found, err := r.Find(t.Context(), "main", "key-1", first); err != nil || found.Found || !found.Complete {
		t.Errorf("found %+v, %v", found, err)
	}
	result, err := r.Commit(t.Context(), appending("key-1", "apps/shop/values.yaml", "more: 1"))
	if err != nil {
		t.Fatal(err)
	}
	if tip := strings.TrimSpace(server.Git("rev-parse", "main")); result.Revision != tip || result.Previous != first {
		t.Errorf("result %+v, the branch is at %s", result, tip)
	}
	if got := server.File("main", "apps/shop/values.yaml"); got != "tag: v1\nmore: 1\n" {
		t.Errorf("the file is %q", got)
	}
	if got := server.Git("diff", "--stat", first, "main"); !strings.Contains(got, "1 file changed, 1 insertion(+)") {
		t.Errorf("the commit changes %s", got)
	}
	if got := server.Git("log", "-1", "--format=%an <%ae> %B", "main"); !strings.HasPrefix(got, "KubeOps <kubeops@example.com> deploy more: 1\n\nKubeOps-Run: key-1\n") {
		t.Errorf("the commit is %q", got)
	}
	server.Git("fsck", "--strict")
	server.Push("main", "later", map[string]string{"README.md": "bye\n"})
	found, err := r.Find(t.Context(), "main", "key-1", first)
	if err != nil || !found.Found || found.Result != result {
		t.Errorf("found %+v, %v", found, err)
	}
	if found, err := r.Find(t.Context(), "main", "key-2", first); err != nil || found.Found || !found.Complete {
		t.Errorf("found %+v, %v", found, err)
	}
}

func TestAChangeOfNothingPushesNothing(t *testing.T) {
	server := gitserver.New(t, map[string]string{"a": "x\n"})
	r := open(t, server)
	tip, err := r.Tip(t.Context(), "main")
	if err != nil {
		t.Fatal(err)
	}
	result, err := r.Commit(t.Context(), Change{Branch: "main", Key: "k", Message: "m", Build: func(s *Snapshot) error {
		content, err := s.Read("a")
		s.Write("a", content)
		return err
	}})
	if err != nil || result != (Result{Revision: tip, Previous: tip}) {
		t.Errorf("%+v, %v", result, err)
	}
	if strings.Contains(strings.Join(server.Requests(), " "), "receive-pack") {
		t.Errorf("the server was asked to receive: %q", server.Requests())
	}
}

func TestALookupSaysWhetherItReadEverything(t *testing.T) {
	server := gitserver.New(t, map[string]string{"a": "0\n"})
	r := open(t, server)
	first := strings.TrimSpace(server.Git("rev-parse", "main"))
	if _, err := r.Commit(t.Context(), appending("key", "a", "x")); err != nil {
		t.Fatal(err)
	}
	// a chain of commits without files of their own is quick to build
	parent := strings.TrimSpace(server.Git("rev-parse", "main"))
	tree := strings.TrimSpace(server.Git("rev-parse", "main^{tree}"))
	for i := range HistoryDepth {
		parent = strings.TrimSpace(server.Git("-c", "user.name=dev", "-c", "user.email=dev@example.com", "commit-tree", tree, "-p", parent, "-m", fmt.Sprint(i)))
		if i == HistoryDepth-2 {
			server.Git("update-ref", "refs/heads/main", parent)
			if found, err := r.Find(t.Context(), "main", "key", first); err != nil || !found.Found {
				t.Errorf("the commit that is %d back: %+v, %v", i+1, found, err)
			}
		}
	}
	server.Git("update-ref", "refs/heads/main", parent)
	if found, err := r.Find(t.Context(), "main", "key", first); err != nil || found.Found || found.Complete {
		t.Errorf("the commit that is %d back: %+v, %v", HistoryDepth, found, err)
	}
}

// TestEveryWriterCommitsOnce has 20 writers in 4 processes without a common lock, while the branch moves.
func TestEveryWriterCommitsOnce(t *testing.T) {
	server := gitserver.New(t, map[string]string{"a": "0\n", "b": "0\n"})
	const writers, processes = 20, 4
	var group sync.WaitGroup
	for process := range processes {
		locks := &Locks{}
		r := open(t, server, func(_ *Remote, o *Options) { o.Locks = locks })
		for writer := range writers / processes {
			group.Go(func() {
				key := fmt.Sprintf("key-%d-%d", process, writer)
				for {
					_, err := r.Commit(t.Context(), appending(key, "a", key))
					if p := problem.As(err); p != nil && p.Reason == v1alpha1.ReasonBranchMoved {
						continue
					}
					if err != nil {
						t.Error(err)
					}
					return
				}
			})
		}
	}
	group.Wait()
	for process := range processes {
		for writer := range writers / processes {
			if key := fmt.Sprintf("key-%d-%d", process, writer); server.Marked("main", key) != 1 || strings.Count(server.File("main", "a"), key) != 1 {
				t.Errorf("%s: %d commits", key, server.Marked("main", key))
			}
		}
	}
	if n := strings.TrimSpace(server.Git("rev-list", "--count", "main")); n != fmt.Sprint(writers+1) {
		t.Errorf("%s commits", n)
	}
}

func TestACommitIsMadeAgainOnABranchThatMovesWhileItIsPushed(t *testing.T) {
	server := gitserver.New(t, map[string]string{"a": "0\n", "b": "0\n"})
	r := open(t, server)
	moves := 0
	server.Before(func(request *http.Request) int {
		// the first time between reading and the advertisement of the push, then between that and the push itself
		push := request.Method == http.MethodPost && strings.HasSuffix(request.URL.Path, "git-receive-pack")
		if moves == 0 && strings.Contains(request.URL.RawQuery, "receive-pack") || moves == 1 && push {
			moves++
			server.Push("main", "another", map[string]string{"b": fmt.Sprintf("%d\n", moves)})
		}
		return 0
	})
	if _, err := r.Commit(t.Context(), appending("key", "a", "x")); err != nil {
		t.Fatal(err)
	}
	if moves != 2 || server.File("main", "a") != "0\nx\n" || server.File("main", "b") != "2\n" || server.Marked("main", "key") != 1 {
		t.Errorf("%d moves\n%s", moves, server.Git("log", "--stat", "main"))
	}
}

func TestAPushThatIsDeclinedIsNotRepeated(t *testing.T) {
	server := gitserver.New(t, map[string]string{"a": "0\n"})
	r := open(t, server, func(_ *Remote, o *Options) {
		o.Redact = func(text string) string { return strings.ReplaceAll(text, "hunter2", "[redacted]") }
	})
	server.Hook("pre-receive", `echo "error: main is protected, password=hunter2" >&2; exit 1`)
	_, err := r.Commit(t.Context(), appending("key", "a", "x"))
	wantProblem(t, err, v1alpha1.ReasonPushDeclined, problem.UserMustAct, "pre-receive hook declined: error: main is protected, password=[redacted]")
	server.Hook("pre-receive", "exit 0")
	server.Hook("update", `echo "no" >&2; exit 1`)
	_, err = r.Commit(t.Context(), appending("key", "a", "x"))
	wantProblem(t, err, v1alpha1.ReasonPushDeclined, problem.UserMustAct, "hook declined: no")
	if server.Marked("main", "key") != 0 {
		t.Error("a commit was pushed")
	}
}

func TestWhatCannotBeReadOrWrittenHasAReason(t *testing.T) {
	server := gitserver.New(t, map[string]string{
		"a": "0\n", "dir/b": "0\n", "lfs": "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", "large": strings.Repeat("x", MaxFile+1),
	})
	for name, tc := range map[string]struct {
		file, branch, reason, text string
		action                     problem.Action
		change                     func(*Remote, *Options)
		before                     func(*http.Request) int
	}{
		"no branch":        {branch: "other", reason: v1alpha1.ReasonBranchNotFound, action: problem.UserMustAct, text: "branch other does not exist"},
		"a bad branch":     {branch: "a..b", reason: v1alpha1.ReasonInvalidSpec, action: problem.UserMustAct, text: "no name of a branch"},
		"no file":          {file: "dir/c", reason: v1alpha1.ReasonFileNotEditable, action: problem.UserMustAct, text: "dir/c does not exist"},
		"a directory":      {file: "dir", reason: v1alpha1.ReasonFileNotEditable, action: problem.UserMustAct, text: "dir is a directory"},
		"below a file":     {file: "a/b", reason: v1alpha1.ReasonFileNotEditable, action: problem.UserMustAct, text: "a is no directory"},
		"out of the tree":  {file: "../a", reason: v1alpha1.ReasonFileNotEditable, action: problem.UserMustAct, text: "no path of a file"},
		"the repository":   {file: "dir/.GIT/config", reason: v1alpha1.ReasonFileNotEditable, action: problem.UserMustAct, text: "no path of a file"},
		"an absolute path": {file: "/a", reason: v1alpha1.ReasonFileNotEditable, action: problem.UserMustAct, text: "no path of a file"},
		"LFS":              {file: "lfs", reason: v1alpha1.ReasonFileNotEditable, action: problem.UserMustAct, text: "stored in LFS"},
		"a large file":     {file: "large", reason: v1alpha1.ReasonFileNotEditable, action: problem.UserMustAct, text: "more than 1048576 bytes"},
		"a wrong password": {change: func(r *Remote, _ *Options) { r.Password = "wrong" }, reason: v1alpha1.ReasonUnauthorized, action: problem.UserMustAct, text: "401"},
		"no repository":    {change: func(r *Remote, _ *Options) { r.URL += "x" }, reason: v1alpha1.ReasonNotFound, action: problem.UserMustAct, text: "404"},
		"another page": {change: func(r *Remote, _ *Options) { r.URL = strings.TrimSuffix(r.URL, "/repo.git") + "/x" },
			before: func(*http.Request) int { return http.StatusOK }, reason: v1alpha1.ReasonInvalidResponse, action: problem.UserMustAct, text: "not the URL of a Git repository"},
		"a server error": {before: func(*http.Request) int { return http.StatusBadGateway }, reason: v1alpha1.ReasonServerError, action: problem.Retry, text: "502"},
		"read-only": {before: func(r *http.Request) int {
			if strings.Contains(r.URL.String(), "receive-pack") {
				return http.StatusForbidden
			}
			return 0
		}, reason: v1alpha1.ReasonForbidden, action: problem.UserMustAct, text: "denied access to write"},
		"metadata": {change: func(r *Remote, _ *Options) { r.URL = "https://169.254.169.254/a" }, reason: v1alpha1.ReasonEgressDenied, action: problem.UserMustAct,
			text: "never called"},
	} {
		t.Run(name, func(t *testing.T) {
			server.Before(tc.before)
			defer server.Before(nil)
			file := tc.file
			if file == "" {
				file = "a"
			}
			change := appending("key", file, "x")
			if tc.branch != "" {
				change.Branch = tc.branch
			}
			var changes []func(*Remote, *Options)
			if tc.change != nil {
				changes = append(changes, tc.change)
			}
			_, err := open(t, server, changes...).Commit(t.Context(), change)
			wantProblem(t, err, tc.reason, tc.action, tc.text)
		})
	}
}

func TestLinksAndSubmodulesAreNotFollowed(t *testing.T) {
	server := gitserver.New(t, map[string]string{"a": "0\n"})
	blob := strings.TrimSpace(server.Git("rev-parse", "main:a"))
	commit := strings.TrimSpace(server.Git("rev-parse", "main"))
	server.Git("update-index", "--add", "--cacheinfo", "120000,"+blob+",link")
	server.Git("update-index", "--add", "--cacheinfo", "160000,"+commit+",module")
	tree := strings.TrimSpace(server.Git("write-tree"))
	linked := strings.TrimSpace(server.Git("-c", "user.name=dev", "-c", "user.email=dev@example.com", "commit-tree", tree, "-p", "main", "-m", "links"))
	server.Git("update-ref", "refs/heads/main", linked)
	r := open(t, server)
	for file, text := range map[string]string{"link": "a symbolic link", "link/x": "a symbolic link", "module": "a submodule", "module/x": "a submodule"} {
		_, err := r.Commit(t.Context(), appending("key", file, "x"))
		wantProblem(t, err, v1alpha1.ReasonFileNotEditable, problem.UserMustAct, text)
	}
}

func TestURLsThatAreNotUsed(t *testing.T) {
	for url, text := range map[string]string{
		"http://git.example.com/a":      "unencrypted",
		"http://127.0.0.1/a":            "unencrypted", // loopback is not allowed here
		"git://git.example.com/a":       "https:// or ssh://",
		"file:///etc/a":                 "https://HOST/PATH",
		"https://git.example.com":       "https://HOST/PATH",
		"https://git.example.com/a?b=c": "a query",
		"https://u:p@git.example.com/a": "credentials",
		"ssh://u:p@git.example.com/a":   "a password",
		"ssh://git@git.example.com/a'b": "characters",
		"ssh://git@git.example.com/a":   "no private key",
	} {
		_, err := Open(Remote{URL: url, Fields: provider.Fields{URL: "repository", Auth: "secretRef"}}, Options{})
		wantProblem(t, err, problem.As(err).Reason, problem.UserMustAct, text)
	}
}

func TestALostAnswerOfAPushIsAnErrorThatMayBeRepeated(t *testing.T) {
	server := gitserver.New(t, map[string]string{"a": "0\n"})
	r := open(t, server, func(_ *Remote, o *Options) { o.Timeout = 5 * time.Second })
	first := strings.TrimSpace(server.Git("rev-parse", "main"))
	server.After(func(request *http.Request) bool {
		return request.Method == http.MethodPost && strings.HasSuffix(request.URL.Path, "receive-pack")
	})
	_, err := r.Commit(t.Context(), appending("key", "a", "x"))
	if p := problem.As(err); p == nil || p.Action == problem.UserMustAct || errors.Is(err, errMoved) {
		t.Errorf("got %v", err)
	}
	server.After(nil)
	if found, err := r.Find(t.Context(), "main", "key", first); err != nil || !found.Found {
		t.Errorf("%+v, %v", found, err)
	}
}

func TestMarker(t *testing.T) {
	for message, want := range map[string]string{
		"a\n\nKubeOps-Run: k\n":                        "k",
		"a\n\nSigned-off-by: x\nKubeOps-Run: k":        "k",
		"a\n\nKubeOps-Run: k\nSigned-off-by: x\n":      "k",
		"a\n\nKubeOps-Run: k\n\nNot the last part.\n":  "",
		"Revert \"a\n\nKubeOps-Run: k\"\n\nno trailer": "",
		"": "",
	} {
		if got := Marker(message); got != want {
			t.Errorf("%q: %q, want %q", message, got, want)
		}
	}
}

func TestTheHeadsOfABranchAreItsLastCommits(t *testing.T) {
	server := gitserver.New(t, map[string]string{"README.md": "hello\n"})
	server.Push("main", "second", map[string]string{"README.md": "second\n"})
	long := strings.Repeat("x", 70<<10)
	for name, tc := range map[string]struct{ message, want string }{
		"one line":       {"third", "third\n"},
		"with a trailer": {"Deploy shop\n\n" + Trailer + ": key-1", "Deploy shop\n\n" + Trailer + ": key-1\n"},
		"a long one":     {long + "\n\n" + Trailer + ": key-1", (long + "\n\n" + Trailer + ": key-1\n")[len(long)+len(Trailer)+10-64<<10:]},
	} {
		t.Run(name, func(t *testing.T) {
			revision := server.Push("main", tc.message, map[string]string{"README.md": name + "\n"})
			heads, err := open(t, server).Heads(t.Context(), "main", 1)
			if err != nil || len(heads) != 1 {
				t.Fatalf("%d heads, %v", len(heads), err)
			}
			if head := heads[0]; head.Revision != revision || head.Message != tc.want || head.Email != "dev@example.com" {
				t.Errorf("got %s by %s: %q", head.Revision, head.Email, head.Message[:min(len(head.Message), 100)])
			}
		})
	}
	log := strings.Fields(server.Git("rev-list", "main"))
	for count, want := range map[int]int{2: 2, len(log): len(log), 100: len(log)} {
		heads, err := open(t, server).Heads(t.Context(), "main", count)
		if err != nil || len(heads) != want {
			t.Fatalf("%d of %d heads, %v", len(heads), want, err)
		}
		for i, head := range heads {
			if head.Revision != log[i] {
				t.Errorf("commit %d of %d is %s, want %s", i, count, head.Revision, log[i])
			}
		}
	}
	_, err := open(t, server).Heads(t.Context(), "other", 1)
	wantProblem(t, err, v1alpha1.ReasonBranchNotFound, problem.UserMustAct, "branch other does not exist")
}
