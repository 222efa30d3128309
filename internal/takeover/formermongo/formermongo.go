// Package formermongo reads the MongoDB database of the Node.js gateway: its own
// collections and those of the npm packages that keep its certificates and public
// keys (@relaycorp/awala-keystore-mongodb 1.1). It is a takeover.Records.
package formermongo

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"awala.network/gateway/internal/takeover"
)

// Names of collections, as mongoose makes them of the models' names.
const (
	configCollection       = "configitems"
	certificatesCollection = "certificationpaths"
	sessionKeysCollection  = "peerpublickeydatas"
	identityKeysCollection = "identitypublickeydatas"
	parcelsCollection      = "parcelcollections"
	fulfilmentsCollection  = "ccafulfillments"
)

// currentIDKey is the key of the configuration item that names the current node.
const currentIDKey = "current_id"

// timeout bounds how long the server is looked for.
const timeout = 10 * time.Second

// Database is a takeover.Records. Make one with Open.
type Database struct {
	client   *mongo.Client
	database *mongo.Database
}

var _ takeover.Records = (*Database)(nil)

// Open returns the database, without asking the server anything.
func Open(uri, database string) (*Database, error) {
	client, err := mongo.Connect(options.Client().ApplyURI(uri).SetServerSelectionTimeout(timeout))
	if err != nil {
		return nil, fmt.Errorf("former MongoDB: %w", err)
	}
	return &Database{client: client, database: client.Database(database)}, nil
}

// Close disconnects.
func (d *Database) Close(ctx context.Context) error { return d.client.Disconnect(ctx) }

// CurrentID implements takeover.Records.
func (d *Database) CurrentID(ctx context.Context) (string, error) {
	var item struct {
		Value string `bson:"value"`
	}
	err := d.database.Collection(configCollection).FindOne(ctx, bson.M{"key": currentIDKey}).Decode(&item)
	if errors.Is(err, mongo.ErrNoDocuments) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("former MongoDB: %s: %w", configCollection, err)
	}
	return item.Value, nil
}

// Certificates implements takeover.Records.
func (d *Database) Certificates(ctx context.Context) iter.Seq2[takeover.Document[takeover.Certificate], error] {
	type document struct {
		SubjectID string `bson:"subjectId"`
		IssuerID  string `bson:"issuerId"`
		Path      []byte `bson:"pathSerialized"`
	}
	return documents(ctx, d, certificatesCollection, func(doc document) takeover.Certificate {
		return takeover.Certificate(doc)
	})
}

// SessionKeys implements takeover.Records.
func (d *Database) SessionKeys(ctx context.Context) iter.Seq2[takeover.Document[takeover.PeerSessionKey], error] {
	type document struct {
		PeerID    string    `bson:"peerId"`
		KeyID     []byte    `bson:"keyId"`
		Key       []byte    `bson:"keyDer"`
		CreatedAt time.Time `bson:"creationDate"`
	}
	return documents(ctx, d, sessionKeysCollection, func(doc document) takeover.PeerSessionKey {
		return takeover.PeerSessionKey(doc)
	})
}

// IdentityKeys implements takeover.Records.
func (d *Database) IdentityKeys(ctx context.Context) iter.Seq2[takeover.Document[takeover.PeerIdentityKey], error] {
	type document struct {
		PeerID string `bson:"peerId"`
		Key    []byte `bson:"keyDer"`
	}
	return documents(ctx, d, identityKeysCollection, func(doc document) takeover.PeerIdentityKey {
		return takeover.PeerIdentityKey(doc)
	})
}

// Collections implements takeover.Records.
func (d *Database) Collections(ctx context.Context) iter.Seq2[takeover.Document[takeover.ParcelCollection], error] {
	type document struct {
		PrivateGatewayID string    `bson:"privatePeerId"`
		SenderID         string    `bson:"senderEndpointId"`
		RecipientID      string    `bson:"recipientEndpointId"`
		ParcelID         string    `bson:"parcelId"`
		ExpiresAt        time.Time `bson:"parcelExpiryDate"`
	}
	return documents(ctx, d, parcelsCollection, func(doc document) takeover.ParcelCollection {
		return takeover.ParcelCollection(doc)
	})
}

// Fulfilments implements takeover.Records.
func (d *Database) Fulfilments(ctx context.Context) iter.Seq2[takeover.Document[takeover.Fulfilment], error] {
	type document struct {
		PrivateGatewayID string    `bson:"peerId"`
		AuthorizationID  string    `bson:"ccaId"`
		ExpiresAt        time.Time `bson:"ccaExpiryDate"`
	}
	return documents(ctx, d, fulfilmentsCollection, func(doc document) takeover.Fulfilment {
		return takeover.Fulfilment(doc)
	})
}

// documents yields every document of a collection; one that does not have the shape
// of D is yielded with an error of its own.
func documents[D, T any](ctx context.Context, d *Database, collection string, convert func(D) T) iter.Seq2[takeover.Document[T], error] {
	return func(yield func(takeover.Document[T], error) bool) {
		cursor, err := d.database.Collection(collection).Find(ctx, bson.D{})
		if err != nil {
			yield(takeover.Document[T]{}, fmt.Errorf("former MongoDB: %s: %w", collection, err))
			return
		}
		defer func() { _ = cursor.Close(context.WithoutCancel(ctx)) }()
		for cursor.Next(ctx) {
			var doc D
			err := bson.Unmarshal(cursor.Current, &doc)
			read := takeover.Document[T]{Name: cursor.Current.Lookup("_id").String(), Data: convert(doc), Err: err}
			if !yield(read, nil) {
				return
			}
		}
		if err := cursor.Err(); err != nil {
			yield(takeover.Document[T]{}, fmt.Errorf("former MongoDB: %s: %w", collection, err))
		}
	}
}
