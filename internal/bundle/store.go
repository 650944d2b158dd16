package bundle

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"kubeops.io/kubeops/api/v1alpha1"
	"kubeops.io/kubeops/internal/names"
)

const (
	// maxEntries and maxEntryBytes of one BundleInventory. etcd refuses objects of 1.5 MiB by default.
	maxEntries    = 500
	maxEntryBytes = 768 << 10
	// entryOverhead is the size of an entry besides its texts, in bytes.
	entryOverhead = 200
)

// Store keeps the inventory of one bundle in one cluster in BundleInventories. An entry stays in the one that it was added to, so that a
// crash between two writes loses none.
type Store struct {
	client  client.Client
	bundle  *v1alpha1.ResourceBundle
	chunks  []*v1alpha1.BundleInventory
	cluster string
	sources []v1alpha1.InventorySource
	next    int
}

// OpenStore reads the inventory of a bundle in a cluster. reader must not be a cache.
func OpenStore(
	ctx context.Context, c client.Client, reader client.Reader, bundle *v1alpha1.ResourceBundle, cluster string,
) (*Store, Inventory, error) {
	list := &v1alpha1.BundleInventoryList{}
	err := reader.List(ctx, list, client.InNamespace(bundle.Namespace), client.MatchingLabels{
		v1alpha1.LabelBundle: names.LabelValue(bundle.Name), v1alpha1.LabelCluster: names.LabelValue(cluster),
	})
	if err != nil {
		return nil, nil, fmt.Errorf("read the inventory: %w", err)
	}
	s := &Store{client: c, bundle: bundle, cluster: cluster}
	inventory := Inventory{}
	for i := range list.Items {
		chunk := &list.Items[i]
		if !metav1.IsControlledBy(chunk, bundle) || chunk.Cluster != cluster {
			continue
		}
		s.chunks = append(s.chunks, chunk)
		s.sources = chunk.Sources
		for _, entry := range chunk.Entries {
			inventory[EntryKey(entry)] = entry
		}
	}
	slices.SortFunc(s.chunks, func(a, b *v1alpha1.BundleInventory) int { return cmp.Compare(a.Name, b.Name) })
	return s, inventory, nil
}

// From has Save write which folders of Git repositories the manifests come from. Without it, those that are stored stay.
func (s *Store) From(sources []v1alpha1.InventorySource) { s.sources = sources }

// Save writes what differs from what is stored. A conflict with another writer is an error.
func (s *Store) Save(ctx context.Context, inventory Inventory) error {
	left := Inventory{}
	for key, entry := range inventory {
		left[key] = entry
	}
	wanted := make([][]v1alpha1.InventoryEntry, len(s.chunks))
	for i, chunk := range s.chunks {
		for _, entry := range chunk.Entries {
			key := EntryKey(entry)
			if updated, ok := left[key]; ok {
				wanted[i] = append(wanted[i], updated)
				delete(left, key)
			}
		}
	}
	for _, key := range left.keys() {
		entry := left[key]
		i := slices.IndexFunc(wanted, func(entries []v1alpha1.InventoryEntry) bool { return hasRoom(entries, entry) })
		if i < 0 {
			wanted = append(wanted, nil)
			i = len(wanted) - 1
		}
		wanted[i] = append(wanted[i], entry)
	}
	if len(wanted) == 0 {
		wanted = append(wanted, nil) // an empty inventory says that the generation was seen
	}
	for i, entries := range wanted {
		if err := s.write(ctx, i, entries); err != nil {
			return fmt.Errorf("write the inventory: %w", err)
		}
	}
	return nil
}

// Drop deletes the inventory.
func (s *Store) Drop(ctx context.Context) error {
	for _, chunk := range s.chunks {
		if err := s.client.Delete(ctx, chunk); client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("delete the inventory: %w", err)
		}
	}
	s.chunks = nil
	return nil
}

// Empty reports whether nothing is stored.
func (s *Store) Empty() bool { return len(s.chunks) == 0 }

func (s *Store) write(ctx context.Context, i int, entries []v1alpha1.InventoryEntry) error {
	if i < len(s.chunks) {
		chunk := s.chunks[i]
		same := chunk.Generation == s.bundle.Generation && equality.Semantic.DeepEqual(chunk.Sources, s.sources)
		if same && equality.Semantic.DeepEqual(chunk.Entries, entries) {
			return nil
		}
		updated := chunk.DeepCopy()
		updated.Generation = s.bundle.Generation
		updated.Sources = s.sources
		updated.Entries = entries
		if err := s.client.Update(ctx, updated); err != nil {
			return err
		}
		s.chunks[i] = updated
		return nil
	}
	controller := true
	chunk := &v1alpha1.BundleInventory{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: s.bundle.Namespace, Name: s.chunkName(),
			Labels: map[string]string{
				v1alpha1.LabelBundle: names.LabelValue(s.bundle.Name), v1alpha1.LabelCluster: names.LabelValue(s.cluster),
			},
			Annotations: map[string]string{v1alpha1.LabelCluster: s.cluster},
			OwnerReferences: []metav1.OwnerReference{{
				APIVersion: v1alpha1.GroupVersion().String(), Kind: "ResourceBundle", Name: s.bundle.Name, UID: s.bundle.UID,
				Controller: &controller,
			}},
		},
		Bundle: s.bundle.Name, Cluster: s.cluster, Generation: s.bundle.Generation, Sources: s.sources, Entries: entries,
	}
	if err := s.client.Create(ctx, chunk); err != nil {
		return err
	}
	s.chunks = append(s.chunks, chunk)
	return nil
}

// chunkName is the next free name. It depends on the UID of the bundle: a bundle that is created again has another inventory.
func (s *Store) chunkName() string {
	sum := sha256.Sum256([]byte(string(s.bundle.UID) + "/" + s.cluster))
	for ; ; s.next++ {
		name := "bundle-" + hex.EncodeToString(sum[:10]) + "-" + strconv.Itoa(s.next)
		if !slices.ContainsFunc(s.chunks, func(c *v1alpha1.BundleInventory) bool { return c.Name == name }) {
			return name
		}
	}
}

// hasRoom reports whether an entry fits into a BundleInventory.
func hasRoom(entries []v1alpha1.InventoryEntry, added v1alpha1.InventoryEntry) bool {
	size := sizeOf(added)
	for _, entry := range entries {
		size += sizeOf(entry)
	}
	return len(entries) < maxEntries && size <= maxEntryBytes
}

// sizeOf an entry as JSON, at most: its fields are encoded in base64, and may grow once when the object is applied.
func sizeOf(e v1alpha1.InventoryEntry) int {
	return entryOverhead + len(e.Namespace) + len(e.Name) + max(2*len(e.Fields), 600)
}

// Clusters are the names of the clusters that a bundle has an inventory of, in alphabetical order. reader must not be a cache.
func Clusters(ctx context.Context, reader client.Reader, bundle *v1alpha1.ResourceBundle) ([]string, error) {
	list := &metav1.PartialObjectMetadataList{}
	list.SetGroupVersionKind(v1alpha1.GroupVersion().WithKind("BundleInventoryList"))
	err := reader.List(ctx, list, client.InNamespace(bundle.Namespace),
		client.MatchingLabels{v1alpha1.LabelBundle: names.LabelValue(bundle.Name)})
	if err != nil {
		return nil, fmt.Errorf("list the inventories: %w", err)
	}
	var clusters []string
	for i := range list.Items {
		if metav1.IsControlledBy(&list.Items[i], bundle) {
			clusters = append(clusters, list.Items[i].Annotations[v1alpha1.LabelCluster])
		}
	}
	slices.Sort(clusters)
	return slices.Compact(clusters), nil
}
