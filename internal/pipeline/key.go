package pipeline

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"

	"k8s.io/apimachinery/pkg/types"

	"kubeops.io/kubeops/api/v1alpha1"
)

// keyDigits of a key are hexadecimal: 48 bits.
const keyDigits = 12

// Key of an attempt: the name of the stage and a short hash of run, stage and attempt. It has at most 53 characters, and can be the name
// of a Job.
func Key(run types.UID, stage string, attempt int32) string {
	sum := sha256.Sum256([]byte(string(run) + "\x00" + stage + "\x00" + strconv.Itoa(int(attempt))))
	return stage + "-" + hex.EncodeToString(sum[:])[:keyDigits]
}

// RollbackKey of the rollback of a stage whose last attempt has a number. No attempt has the same key.
func RollbackKey(run types.UID, stage string, attempt int32) string {
	sum := sha256.Sum256([]byte(string(run) + "\x00" + stage + "\x00" + strconv.Itoa(int(attempt)) + "\x00rollback"))
	return stage + "-" + hex.EncodeToString(sum[:])[:keyDigits]
}

// SpecDigest of a spec: sha256: and the hash of its JSON.
func SpecDigest(spec *v1alpha1.PipelineSpec) (digest string, content []byte, err error) {
	content, err = json.Marshal(spec)
	if err != nil {
		return "", nil, fmt.Errorf("encode the spec: %w", err)
	}
	return digestOf(content), content, nil
}

func digestOf(content []byte) string {
	sum := sha256.Sum256(content)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// digest of what an attempt is given: everything that a person who approves it relies on.
func (p *pass) digest(stage string, attempt int32) string {
	given := struct {
		UID        types.UID
		Stage      string
		Attempt    int32
		Spec       string
		Parameters []v1alpha1.ParameterValue
		Phases     map[string]v1alpha1.StagePhase
		Outputs    map[string]map[string]string
	}{
		p.run.UID, stage, attempt, p.status.SpecDigest, p.status.Parameters, map[string]v1alpha1.StagePhase{},
		map[string]map[string]string{},
	}
	for _, name := range p.plan.before[stage] {
		if earlier := p.status.Stage(name); earlier != nil {
			given.Phases[name] = earlier.Phase
			given.Outputs[name] = earlier.Outputs
		}
	}
	content, err := json.Marshal(given)
	if err != nil { // texts and numbers can be encoded
		return ""
	}
	return digestOf(content)
}

// overrideDigest of an attempt is what people approve who let it start outside of its windows. It differs from that of the attempt: to
// start it is another question than to let it pass, and an answer to one is none to the other.
func (p *pass) overrideDigest(stage string, attempt int32) string {
	return digestOf([]byte("override\x00" + p.digest(stage, attempt)))
}

// Label is a name as the value of a label: one over 63 characters is shortened, and ends in a hash.
func Label(name string) string {
	const maxLabel = 63
	if len(name) <= maxLabel {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	return name[:maxLabel-9] + "-" + hex.EncodeToString(sum[:4])
}
