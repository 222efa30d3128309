// Package history inspects the event history: it filters, follows, replays and
// traces it, and carries it away in archives that can be read and verified
// anywhere.
//
// A [Source] is a history to look at: [Live] on the streams themselves, [Client]
// through the admin server of a running gateway ([NewHandler]), and [Archive] in a
// file. All of them hand out messages as they were recorded, a JSON line each
// ([AppendLine]), so that what was recorded by a newer version, or is damaged, can
// be seen too.
//
// # Guarantees
//
// Looking changes nothing: there are no durable consumers and no effects, also in
// a replay. An archive holds every octet that evidence was recorded of, and
// nothing that it was not recorded of.
package history
