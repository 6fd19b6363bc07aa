import SharedModel

/// What images look like before they are finished: the last picture of each worker that is there, in memory alone.
extension Dispatcher {
    /// A worker shows what it renders.
    func previewed(_ picture: Preview, on connection: LeaseBook.ConnectionID) {
        guard previewFile != nil, let guest = guests[connection], !book.leases(of: guest.identity).isEmpty else {
            return
        }
        previewCount += 1
        guests[connection]?.preview = (picture, previewCount)
    }

    /// The picture of that number, if no later one and no image has taken its place.
    func preview(number: Int) -> Preview? {
        guests.values.first { $0.preview?.number == number }?.preview?.picture
    }

    /// An image is finished: nobody needs a preview of it any more.
    func forgetPreview(of cell: CellKey) {
        guard previewFile != nil else { return }
        for (id, guest) in guests where guest.preview?.picture.cell == cell { guests[id]?.preview = nil }
    }
}
