package takeover

import (
	"bytes"
	"context"
	"errors"
	"iter"
	"maps"
	"slices"

	"awala.network/gateway/awala/channel"
	"awala.network/gateway/awala/pki"
	"awala.network/gateway/awala/ramf"
	"awala.network/gateway/events"
)

var errIDs = errors.New("an id in it is none")

// readable returns the documents of a kind that can be read, and notes the others.
func readable[T any](r *run, kind Kind, documents iter.Seq2[Document[T], error], check func(T) error) ([]Document[T], error) {
	var good []Document[T]
	for document, err := range documents {
		if err != nil {
			return nil, err
		}
		if document.Err == nil {
			document.Err = check(document.Data)
		}
		if document.Err != nil {
			r.ledger.note(kind, document.Name, skipped(reasonUnreadable, reasonText(document.Err)))
			continue
		}
		good = append(good, document)
	}
	return good, nil
}

// takeSessionKeys records the newest session key of each private gateway.
func (r *run) takeSessionKeys(ctx context.Context) error {
	documents, err := readable(r, PeerKeys, r.Source.Records.SessionKeys(ctx), func(k PeerSessionKey) error {
		if !pki.ValidNodeID(k.PeerID) || len(k.KeyID) == 0 {
			return errIDs
		}
		_, err := pki.ParseSessionPublicKey(k.KeyID, k.Key)
		return err
	})
	if err != nil {
		return err
	}
	return each(ctx, r.counting(PeerKeys, len(documents)), documents, r.sessionKey)
}

func (r *run) sessionKey(ctx context.Context, document Document[PeerSessionKey]) error {
	k := document.Data
	public, err := pki.ParseSessionPublicKey(k.KeyID, k.Key)
	if err != nil {
		return err
	}
	if r.mode == predict {
		r.ledger.note(PeerKeys, k.PeerID, verdict{fate: Moved})
		return nil
	}
	theirs := channel.PeerKey{SessionPublicKey: public, CreatedAt: k.CreatedAt.UTC()}
	have, err := r.sessions.Known(ctx, r.nodeID, k.PeerID)
	missing := errors.Is(err, channel.ErrKeyNotFound)
	if err != nil && !missing {
		return err
	}
	if !missing && (bytes.Equal(have.ID, theirs.ID) || !theirs.Supersedes(have)) {
		r.ledger.note(PeerKeys, k.PeerID, verdict{fate: Already})
		return nil
	}
	if r.mode == verify {
		r.ledger.note(PeerKeys, k.PeerID, verdict{fate: Wrong, reason: "it is not here"})
		return nil
	}
	if err := r.sessions.Learn(ctx, r.nodeID, k.PeerID, theirs); err != nil {
		return err
	}
	r.ledger.note(PeerKeys, k.PeerID, verdict{fate: Moved})
	return nil
}

// takeIdentityKeys only counts: private gateways send their certificates with all that
// they send.
func (r *run) takeIdentityKeys(ctx context.Context) error {
	documents, err := readable(r, PeerIdentities, r.Source.Records.IdentityKeys(ctx), func(k PeerIdentityKey) error {
		if !pki.ValidNodeID(k.PeerID) {
			return errIDs
		}
		_, err := pki.ParsePublicKey(k.Key)
		return err
	})
	for _, document := range documents {
		r.ledger.note(PeerIdentities, document.Data.PeerID, skipped(reasonNeedless, ""))
	}
	return err
}

// takeCollections records the Internet-bound parcels that the other gateway accepted,
// so that they are known when they come again, and that they are to be acknowledged.
func (r *run) takeCollections(ctx context.Context) error {
	documents, err := readable(r, Collections, r.Source.Records.Collections(ctx), func(c ParcelCollection) error {
		for _, id := range []string{c.PrivateGatewayID, c.SenderID, c.RecipientID} {
			if !pki.ValidNodeID(id) {
				return errIDs
			}
		}
		if !ramf.ValidMessageID(c.ParcelID) || c.ExpiresAt.IsZero() {
			return errIDs
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := r.takeDue(ctx, documents); err != nil {
		return err
	}
	return each(ctx, r.counting(Collections, len(documents)), documents, r.collection)
}

func (c ParcelCollection) key() events.ParcelKey {
	return events.ParcelKey{SenderID: c.SenderID, RecipientID: c.RecipientID, ParcelID: c.ParcelID}
}

func (r *run) collection(ctx context.Context, document Document[ParcelCollection]) error {
	c := document.Data
	key := hashedKey{c.PrivateGatewayID, c.key().Hash()}
	name := key.gatewayID + "/" + key.parcelHash
	v := verdict{fate: Moved}
	switch {
	case r.Now().After(c.ExpiresAt):
		v = skipped(reasonExpired, "")
	case r.mode == predict:
	case r.known.has(r.known.collections, key):
		v.fate = Already
		if r.mode == verify && !r.known.has(r.known.due, key) {
			v = verdict{fate: Wrong, reason: "its acknowledgement is not due"}
		}
	case r.mode == verify:
		v = verdict{fate: Wrong, reason: "it is not here"}
	default:
		recorded, err := r.examine.Known(ctx, events.InternetParcelKnown{
			ParcelHash: key.parcelHash, PrivateGatewayID: c.PrivateGatewayID, ExpiresAt: c.ExpiresAt.UTC(),
		})
		if err != nil {
			return err
		}
		r.known.fold(recorded)
	}
	r.ledger.note(Collections, name, v)
	return nil
}

// takeDue records the acknowledgements that the other gateway owes: one for each
// collection, again and again until it expires.
func (r *run) takeDue(ctx context.Context, documents []Document[ParcelCollection]) error {
	if r.mode != take {
		return nil
	}
	due := map[string][]events.DueParcel{}
	for _, document := range documents {
		c := document.Data
		key := hashedKey{c.PrivateGatewayID, c.key().Hash()}
		if !r.Now().After(c.ExpiresAt) && !r.known.has(r.known.due, key) {
			due[c.PrivateGatewayID] = append(due[c.PrivateGatewayID], events.DueParcel{ParcelKey: c.key(), ExpiresAt: c.ExpiresAt.UTC()})
		}
	}
	for _, gatewayID := range slices.Sorted(maps.Keys(due)) {
		for some := range slices.Chunk(due[gatewayID], events.MaxDueParcels) {
			recorded, err := r.examine.Due(ctx, events.AcknowledgementsDue{PrivateGatewayID: gatewayID, Parcels: some})
			if err != nil {
				return err
			}
			r.known.fold(recorded)
		}
	}
	return nil
}

// takeFulfilments records the cargo collection authorisations that are used up.
func (r *run) takeFulfilments(ctx context.Context) error {
	documents, err := readable(r, Fulfilments, r.Source.Records.Fulfilments(ctx), func(f Fulfilment) error {
		if !pki.ValidNodeID(f.PrivateGatewayID) || !ramf.ValidMessageID(f.AuthorizationID) {
			return errIDs
		}
		return nil
	})
	if err != nil {
		return err
	}
	return each(ctx, r.counting(Fulfilments, len(documents)), documents, r.fulfilment)
}

func (r *run) fulfilment(ctx context.Context, document Document[Fulfilment]) error {
	f := document.Data
	data := events.CargoCollectionFulfilled{
		PrivateGatewayID: f.PrivateGatewayID, AuthorizationID: f.AuthorizationID, ExpiresAt: f.ExpiresAt.UTC(),
	}
	v := verdict{fate: Moved}
	switch {
	case r.Now().After(f.ExpiresAt):
		v = skipped(reasonExpired, "")
	case r.mode == predict:
	case r.known.hasFulfilled(data.Channel()):
		v.fate = Already
	case r.mode == verify:
		v = verdict{fate: Wrong, reason: "it is not here"}
	default:
		news, err := r.examine.Fulfilled(ctx, r.Target.History, data)
		if err != nil {
			return err
		}
		if !news {
			v.fate = Already
		}
		r.known.fold(events.Record{Event: events.Event{Data: data}})
	}
	r.ledger.note(Fulfilments, data.Channel(), v)
	return nil
}
