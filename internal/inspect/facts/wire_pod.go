package facts

import (
	"crypto/sha256"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kubeops.io/kubeops/internal/inspect/facts/protofields"
)

// wireSpec is what follows from a spec. The Pods of a workload have the same, so it is decoded once.
type wireSpec struct {
	spec *PodSpec
	// Containers without their status.
	containers, initContainers []Container
}

// wirePodStatus is scratch space for the status of a Pod.
type wirePodStatus struct {
	conditions []corev1.PodCondition
	started    metav1.Time
	// statuses of containers and of init containers, undecoded: their containers are known after the spec only.
	containers, initContainers [][]byte
}

// pod reduces a Pod as reducePod does. The numbers are those of https://github.com/kubernetes/api/blob/master/core/v1/generated.proto.
func (w *WireReader) pod(message []byte) (*PodNode, error) {
	var meta, spec, status []byte
	f := protofields.Read(message)
	for f.Next() {
		switch f.Number {
		case 1:
			meta = f.Value
		case 2:
			spec = f.Value
		case 3:
			status = f.Value
		}
	}
	if f.Err != nil {
		return nil, f.Err
	}
	if err := w.objectMeta(meta); err != nil {
		return nil, err
	}
	node := &PodNode{Meta: metaOf(Pod, &w.meta)}
	node.Labels = w.meta.Labels
	known, err := w.podSpec(spec, node)
	if err != nil {
		return nil, err
	}
	node.Spec = known.spec
	node.Containers, node.InitContainers = slices.Clone(known.containers), slices.Clone(known.initContainers)
	return node, w.podStatus(status, node)
}

// podSpec returns what follows from the spec, and sets the name of the node.
func (w *WireReader) podSpec(message []byte, node *PodNode) (*wireSpec, error) {
	shared := sharedSpec{out: w.encoded[:0]}
	if err := shared.read(message); err != nil {
		return nil, err
	}
	node.NodeName = w.text(shared.nodeName)
	size := len(shared.out)
	// What else the reducer of specs reads of a Pod.
	key := append(shared.out, w.annotations...)
	if shared.ephemeral {
		key = append(append(key, 0), node.Name...)
	}
	w.encoded = key
	sum := specSum(sha256.Sum256(key))
	if known, ok := w.specs[sum]; ok {
		return known, nil
	}
	pod := corev1.Pod{}
	if err := pod.Spec.Unmarshal(key[:size]); err != nil {
		return nil, protofields.ErrMalformed
	}
	known := &wireSpec{
		spec:       reducePodSpec(&pod.Spec, w.meta.Annotations, node.Name),
		containers: reduceContainers(pod.Spec.Containers), initContainers: reduceContainers(pod.Spec.InitContainers),
	}
	if w.reducer.Scan != nil {
		known.spec.Leaks = w.reducer.podLeaks(&pod.Spec)
	}
	w.specs[sum] = known
	return known, nil
}

// podStatus reads the status of a Pod and of its containers into the node.
func (w *WireReader) podStatus(message []byte, node *PodNode) error {
	s := &w.status
	*s = wirePodStatus{conditions: s.conditions[:0], containers: s.containers[:0], initContainers: s.initContainers[:0]}
	f := protofields.Read(message)
	for f.Next() {
		switch f.Number {
		case 1:
			node.Phase = w.text(f.Value)
		case 2:
			f.Fail(w.podCondition(f.Value))
		case 3:
			node.Message = clip(string(f.Value))
		case 4:
			node.Reason = clip(w.text(f.Value))
		case 7:
			f.Time(&s.started)
		case 8:
			s.containers = append(s.containers, f.Value)
		case 10:
			s.initContainers = append(s.initContainers, f.Value)
		}
	}
	if f.Err != nil {
		return f.Err
	}
	node.Started = s.started.Time
	node.setConditions(s.conditions)
	for _, status := range s.containers {
		if err := w.containerStatus(status, node.Containers); err != nil {
			return err
		}
	}
	for _, status := range s.initContainers {
		if err := w.containerStatus(status, node.InitContainers); err != nil {
			return err
		}
	}
	return nil
}

func (w *WireReader) podCondition(message []byte) error {
	var condition corev1.PodCondition
	f := protofields.Read(message)
	for f.Next() {
		switch f.Number {
		case 1:
			condition.Type = corev1.PodConditionType(w.text(f.Value))
		case 2:
			condition.Status = corev1.ConditionStatus(w.text(f.Value))
		case 4:
			f.Time(&condition.LastTransitionTime)
		case 5:
			condition.Reason = w.text(f.Value)
		case 6:
			condition.Message = w.text(f.Value)
		}
	}
	w.status.conditions = append(w.status.conditions, condition)
	return f.Err
}

// containerStatus reads the status of one container into the containers of its name.
func (w *WireReader) containerStatus(message []byte, containers []Container) error {
	var status containerStatus
	var name, imageID []byte
	f := protofields.Read(message)
	for f.Next() {
		switch f.Number {
		case 1:
			name = f.Value
		case 2:
			status.state = w.containerState(&f)
		case 3:
			status.last = w.containerState(&f)
		case 4:
			status.ready = f.Bool()
		case 5:
			status.restarts = f.Int32()
		case 7:
			imageID = f.Value
		case 9:
			status.started = f.Bool()
		}
	}
	for i := range containers {
		if containers[i].Name != string(name) {
			continue
		}
		containers[i].setStatus(&status)
		if w.reducer.Digests {
			containers[i].Digest = imageDigest(w.text(imageID))
		}
	}
	return f.Err
}

// containerState reads one of the three states of a container. Where a malformed status has several, waiting and running come first, as in
// reduceState.
func (w *WireReader) containerState(of *protofields.Message) ContainerState {
	var state ContainerState
	f := protofields.Read(of.Value)
	for f.Next() {
		switch {
		case f.Number == 1:
			state = w.state(&f, ContainerState{Status: StateWaiting})
		case f.Number == 2 && state.Status != StateWaiting:
			state = w.state(&f, ContainerState{Status: StateRunning})
		case f.Number == 3 && state.Status == StateUnknown:
			state = w.state(&f, ContainerState{Status: StateTerminated})
		}
	}
	of.Fail(f.Err)
	return state
}

// state reads the fields of a state, whose numbers depend on which one it is.
func (w *WireReader) state(of *protofields.Message, state ContainerState) ContainerState {
	var started, finished metav1.Time
	f := protofields.Read(of.Value)
	for f.Next() {
		switch {
		case state.Status == StateWaiting && f.Number == 1, state.Status == StateTerminated && f.Number == 3:
			state.Reason = clip(w.text(f.Value))
		case state.Status == StateWaiting && f.Number == 2, state.Status == StateTerminated && f.Number == 4:
			state.Message = clip(w.text(f.Value))
		case state.Status == StateRunning && f.Number == 1, state.Status == StateTerminated && f.Number == 5:
			f.Time(&started)
		case state.Status == StateTerminated && f.Number == 1:
			state.ExitCode = f.Int32()
		case state.Status == StateTerminated && f.Number == 2:
			state.Signal = f.Int32()
		case state.Status == StateTerminated && f.Number == 6:
			f.Time(&finished)
		}
	}
	of.Fail(f.Err)
	state.Started, state.Finished = started.Time, finished.Time
	return state
}
