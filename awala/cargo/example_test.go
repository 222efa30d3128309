package cargo_test

import (
	"fmt"
	"log"
	"strings"
	"time"

	"awala.network/gateway/awala/cargo"
)

// Items are packed into as few cargoes as they fit in. Each batch is the plaintext of
// one cargo.
func ExampleBatches() {
	ack, err := cargo.ParcelCollectionAck{
		SenderID: "0" + strings.Repeat("a", 64), RecipientID: "0" + strings.Repeat("b", 64), ParcelID: "one",
	}.Marshal()
	if err != nil {
		log.Fatal(err)
	}
	parcel := append([]byte("Awala\x50\x00"), make([]byte, 5<<20)...)
	tooLarge := make([]byte, cargo.MaxWrittenItemLen+1)
	expiry := time.Now().Add(time.Hour)
	items := func(yield func(cargo.Item, error) bool) {
		for _, body := range [][]byte{ack, parcel, tooLarge, parcel} {
			if !yield(cargo.Item{Body: body, ExpiresAt: expiry}, nil) {
				return
			}
		}
	}
	for batch, err := range cargo.Batches(items, func(i cargo.Item) { fmt.Println("left out:", len(i.Body), "octets") }) {
		if err != nil {
			log.Fatal(err)
		}
		set, err := batch.MessageSet()
		if err != nil {
			log.Fatal(err)
		}
		bodies, err := cargo.ParseMessageSet(set)
		if err != nil {
			log.Fatal(err)
		}
		for _, body := range bodies {
			fmt.Println("-", cargo.ItemKind(body))
		}
		fmt.Println("a cargo")
	}
	// Output:
	// left out: 8322038 octets
	// - parcel collection acknowledgement
	// - parcel
	// a cargo
	// - parcel
	// a cargo
}
