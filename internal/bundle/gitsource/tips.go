package gitsource

import (
	"crypto/sha256"
	"encoding/json"
	"sync"
	"time"
)

// maxTips are remembered; when there are more, all are forgotten, and each folder is looked at in its own interval.
const maxTips = 10_000

// tips are the commits of branches and tags, whichever folder of them was looked at. Bundles with folders of one branch come to the same
// commit soon: an object that moves from one folder to another is deleted by no bundle before the other one has it.
type tips struct {
	mutex sync.Mutex
	known map[string]tip
}

// tip is a commit, and when it was seen.
type tip struct {
	revision string
	seen     time.Time
}

// tipKey of a branch or tag with its credentials.
func tipKey(r Request) string {
	encoded, err := json.Marshal([]any{r.Namespace, r.Account, r.Spec.URL, r.Spec.Ref, r.Spec.SecretRef})
	if err != nil {
		encoded = []byte(err.Error()) // a spec that was decoded from JSON can be encoded
	}
	sum := sha256.Sum256(encoded)
	return string(sum[:])
}

// set the commit that was seen.
func (t *tips) set(key, revision string, seen time.Time) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	if t.known == nil || len(t.known) >= maxTips {
		t.known = map[string]tip{}
	}
	t.known[key] = tip{revision, seen}
}

// moved reports whether another commit was seen after an entry was checked.
func (t *tips) moved(key string, e entry) bool {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	known, ok := t.known[key]
	return ok && known.revision != e.revision && known.seen.After(e.checked)
}
