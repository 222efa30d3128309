package powebclient

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"

	"awala.network/gateway/awala/poweb"
)

// Deliver hands a serialised parcel to the Internet gateway. When it returns nil
// the gateway has accepted it.
func (g *PrivateGateway) Deliver(ctx context.Context, parcel []byte) error {
	signature, err := poweb.CountersignParcel(parcel, g.Key, g.Certificate())
	if err != nil {
		return fmt.Errorf("powebclient: %w", err)
	}
	header := http.Header{
		"Authorization": {"Relaynet-Countersignature " + base64.StdEncoding.EncodeToString(signature)},
	}
	_, err = g.client.post(ctx, "/v1/parcels", typeParcel, header, parcel, http.StatusAccepted)
	return err
}

// DeliverByPoHTTP posts a serialised parcel to a PoHTTP server (RS-007), as
// another Internet node would. client is [http.DefaultClient] if nil.
func DeliverByPoHTTP(ctx context.Context, client *http.Client, server string, parcel []byte) error {
	if client == nil {
		client = http.DefaultClient
	}
	_, err := post(ctx, client, server, typeParcel, nil, parcel, http.StatusAccepted)
	return err
}
