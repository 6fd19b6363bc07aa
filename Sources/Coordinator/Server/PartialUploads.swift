import SharedModel
import Synchronization

/// Uploads that were cut, kept for a while so that their workers can go on where the line broke.
///
/// One a worker, and no more of them than the disk should be asked to hold. What is pushed out is handed to the caller,
/// who removes its file where blocking does no harm.
final class PartialUploads: Sendable {
    typealias Instant = ContinuousClock.Instant

    private struct Kept {
        var image: IncomingImage
        var since: Instant
    }

    private let lifetime: Duration
    private let mostBytes: Int
    private let mostFiles: Int
    private let kept = Mutex<[String: Kept]>([:])

    /// - Parameters:
    ///   - lifetime: How long a worker has to come back.
    ///   - mostBytes: Most that all of them together take on the disk.
    ///   - mostFiles: Most of them: each is an open file, and what decompresses it.
    init(lifetime: Duration = .seconds(600), mostBytes: Int = 1 << 30, mostFiles: Int = 256) {
        self.lifetime = lifetime
        self.mostBytes = mostBytes
        self.mostFiles = mostFiles
    }

    /// Keeps a cut upload.
    ///
    /// - Returns: What is not kept any more.
    func keep(_ image: IncomingImage, of identity: String, now: Instant) -> [IncomingImage] {
        kept.withLock { kept in
            var dropped = kept.updateValue(Kept(image: image, since: now), forKey: identity).map { [$0.image] } ?? []
            while kept.count > mostFiles || kept.values.reduce(0, { $0 + $1.image.received }) > mostBytes,
                let oldest = kept.min(by: { $0.value.since < $1.value.since })
            {
                kept[oldest.key] = nil
                dropped.append(oldest.value.image)
            }
            return dropped
        }
    }

    /// What is there of an image that a worker offers again; the worker's other uploads are over.
    func take(_ offer: Offer, of identity: String) -> (image: IncomingImage?, dropped: [IncomingImage]) {
        guard let image = kept.withLock({ $0.removeValue(forKey: identity)?.image }) else { return (nil, []) }
        let isSame =
            image.offer.cell == offer.cell && image.offer.sha256 == offer.sha256 && image.offer.bytes == offer.bytes
        return isSame ? (image, []) : (nil, [image])
    }

    /// Gives up what nobody came back for.
    func expire(now: Instant) -> [IncomingImage] {
        kept.withLock { kept in
            let overdue = kept.filter { now - $0.value.since >= lifetime }
            for identity in overdue.keys { kept[identity] = nil }
            return overdue.values.map(\.image)
        }
    }
}
