package bundle

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
	"k8s.io/utils/clock"
)

const (
	// kindsAge is how long the kinds of a cluster may be used without asking again, and minKindsAge how long they are used although a kind
	// is missing in them.
	kindsAge    = 10 * time.Minute
	minKindsAge = 2 * time.Second
	// requestTimeout of one request. A webhook may take 30 seconds, which is an error of one object and not of the cluster.
	requestTimeout = 45 * time.Second
)

// errIncompleteDiscovery is the error of a kind that may be one of an aggregated API that does not answer.
var errIncompleteDiscovery = errors.New("an aggregated API of the cluster does not answer")

// Kinds are the kinds that a cluster serves. They are read with one discovery, without schemas, and kept. It is safe for concurrent use.
type Kinds struct {
	client discovery.DiscoveryInterfaceWithContext
	clock  clock.PassiveClock

	mutex      sync.Mutex
	mapper     meta.RESTMapper
	incomplete bool
	read       time.Time
}

// NewKinds reads the kinds of a cluster when they are needed. The configuration needs the permissions of ClusterRole system:discovery only.
func NewKinds(config *rest.Config, c clock.PassiveClock) (*Kinds, error) {
	config = rest.CopyConfig(config)
	config.Timeout = requestTimeout
	client, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return nil, err
	}
	return &Kinds{client: client, clock: c}, nil
}

// mapping of a kind. A kind that is not served is looked up again, in case its CustomResourceDefinition is new.
func (k *Kinds) mapping(ctx context.Context, kind schema.GroupKind, version string) (*meta.RESTMapping, error) {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	now := k.clock.Now()
	if k.mapper == nil || now.Sub(k.read) > kindsAge {
		if err := k.refresh(ctx, now); err != nil {
			return nil, err
		}
	}
	mapping, err := k.mapper.RESTMapping(kind, version)
	if meta.IsNoMatchError(err) && now.Sub(k.read) >= minKindsAge {
		if err := k.refresh(ctx, now); err != nil {
			return nil, err
		}
		mapping, err = k.mapper.RESTMapping(kind, version)
	}
	if meta.IsNoMatchError(err) && k.incomplete {
		return nil, fmt.Errorf("%w: %w", errIncompleteDiscovery, err)
	}
	return mapping, err
}

// invalidate has the kinds read again.
func (k *Kinds) invalidate() {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	k.mapper = nil
}

// isIncomplete reports whether a kind that is not served may be one of an API that does not answer.
func isIncomplete(err error) bool { return errors.Is(err, errIncompleteDiscovery) }

func (k *Kinds) refresh(ctx context.Context, now time.Time) error {
	groups, lists, err := k.client.ServerGroupsAndResourcesWithContext(ctx)
	k.incomplete = discovery.IsGroupDiscoveryFailedError(err)
	if err != nil && !k.incomplete {
		return err
	}
	byVersion := map[string][]metav1.APIResource{}
	for _, list := range lists {
		byVersion[list.GroupVersion] = list.APIResources
	}
	resources := make([]*restmapper.APIGroupResources, 0, len(groups))
	for _, group := range groups {
		of := &restmapper.APIGroupResources{Group: *group, VersionedResources: map[string][]metav1.APIResource{}}
		for _, version := range group.Versions {
			if list, ok := byVersion[version.GroupVersion]; ok {
				of.VersionedResources[version.Version] = list
			}
		}
		resources = append(resources, of)
	}
	k.mapper = restmapper.NewDiscoveryRESTMapper(resources)
	k.read = now
	return nil
}

// Target is a cluster, as the ServiceAccount of a bundle.
type Target struct {
	kinds   *Kinds
	client  dynamic.Interface
	manager string
	// subject of the requests, for messages.
	subject string
	// settled are comparisons that need no dry run; nil repeats all of them.
	settled *Settled
}

// NewTarget applies with the credentials of a configuration as a field manager.
func NewTarget(config *rest.Config, kinds *Kinds, manager string) (*Target, error) {
	config = rest.CopyConfig(config)
	config.Timeout = requestTimeout
	// Warnings of the API server are about single objects; the log of the manager is not where their owner reads.
	config.WarningHandler = rest.NoWarnings{}
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	return &Target{kinds: kinds, client: client, manager: manager, subject: "the ServiceAccount"}, nil
}

// As has messages name the subject of the requests, for example you, instead of the ServiceAccount of a bundle.
func (t *Target) As(subject string) *Target {
	t.subject = subject
	return t
}

// Remember has runs leave out dry runs of the cluster that are known to change nothing. Plans send all of them.
func (t *Target) Remember(settled *Settled) *Target {
	t.settled = settled
	return t
}

// resource of an object of a kind and version.
func (t *Target) resource(ctx context.Context, key Key, version string) (dynamic.ResourceInterface, error) {
	mapping, err := t.kinds.mapping(ctx, key.GroupKind, version)
	if err != nil {
		return nil, err
	}
	if mapping.Scope.Name() == meta.RESTScopeNameNamespace {
		return t.client.Resource(mapping.Resource).Namespace(key.Namespace), nil
	}
	return t.client.Resource(mapping.Resource), nil
}

// get an object.
func (t *Target) get(ctx context.Context, key Key, version string) (*unstructured.Unstructured, error) {
	resource, err := t.resource(ctx, key, version)
	if err != nil {
		return nil, err
	}
	return resource.Get(ctx, key.Name, metav1.GetOptions{})
}

// apply an intent, or try it by a dry run.
func (t *Target) apply(ctx context.Context, intent *unstructured.Unstructured, force, dryRun bool) (*unstructured.Unstructured, error) {
	resource, err := t.resource(ctx, KeyOf(intent), intent.GroupVersionKind().Version)
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(intent.Object)
	if err != nil {
		return nil, err
	}
	options := metav1.PatchOptions{FieldManager: t.manager, Force: &force, FieldValidation: metav1.FieldValidationStrict}
	if dryRun {
		options.DryRun = []string{metav1.DryRunAll}
	}
	return resource.Patch(ctx, intent.GetName(), types.ApplyPatchType, body, options)
}

// release gives up the ownership of all fields of an object, and changes nothing else.
func (t *Target) release(ctx context.Context, key Key, version string, live *unstructured.Unstructured) error {
	var kept []metav1.ManagedFieldsEntry
	for _, entry := range live.GetManagedFields() {
		if !t.owns(entry) {
			kept = append(kept, entry)
		}
	}
	if len(kept) == len(live.GetManagedFields()) {
		return nil
	}
	if len(kept) == 0 {
		kept = []metav1.ManagedFieldsEntry{{}} // how a patch empties the list
	}
	resource, err := t.resource(ctx, key, version)
	if err != nil {
		return err
	}
	// The resource version makes it a conflict if the object was changed since it was read.
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{
		"uid": live.GetUID(), "resourceVersion": live.GetResourceVersion(), "managedFields": kept,
	}})
	if err != nil {
		return err
	}
	_, err = resource.Patch(ctx, key.Name, types.MergePatchType, patch, metav1.PatchOptions{FieldManager: t.manager})
	return err
}

// remove deletes the object that was read, and no other.
func (t *Target) remove(ctx context.Context, key Key, version string, live *unstructured.Unstructured) error {
	resource, err := t.resource(ctx, key, version)
	if err != nil {
		return err
	}
	uid := live.GetUID()
	resourceVersion := live.GetResourceVersion()
	// An entry leaves the inventory once the object is gone. Of those that own others, such as Pods, that is when these are gone, too.
	propagation := metav1.DeletePropagationForeground
	if stageOf(key.Kind) == stageConfiguration || stageOf(key.Kind) == stageClasses {
		propagation = metav1.DeletePropagationBackground
	}
	return resource.Delete(ctx, key.Name, metav1.DeleteOptions{
		PropagationPolicy: &propagation, Preconditions: &metav1.Preconditions{UID: &uid, ResourceVersion: &resourceVersion},
	})
}

// owns reports whether an entry of managed fields is one of this field manager's applies.
func (t *Target) owns(entry metav1.ManagedFieldsEntry) bool {
	return entry.Manager == t.manager && entry.Operation == metav1.ManagedFieldsOperationApply && entry.Subresource == ""
}

// applied reports whether this field manager applied an object.
func (t *Target) applied(live *unstructured.Unstructured) bool {
	for _, entry := range live.GetManagedFields() {
		if t.owns(entry) {
			return true
		}
	}
	return false
}

// otherBundle is the field manager of another bundle that applied an object; empty if there is none.
func (t *Target) otherBundle(live *unstructured.Unstructured) string {
	for _, entry := range live.GetManagedFields() {
		if entry.Manager != t.manager && isBundle(entry.Manager) && entry.Operation == metav1.ManagedFieldsOperationApply {
			return entry.Manager
		}
	}
	return ""
}
