package import Coordinator
import NIOPosix
import SharedModel

/// Measures images as they arrive and makes their thumbnails.
///
/// One image at a time: the host may be rendering too.
package struct Curator: Sendable {
    /// Images whose measures share a transaction.
    private static let batch = 32

    private let reader: SweepReader
    private let reviews: ReviewBook
    private let pictures: Pictures
    /// Images that can't be read, so that they are not tried for ever.
    private var damaged: Set<CellKey> = []

    /// - Throws: ``CoordinatorError`` when the database can't be read.
    package init(_ directory: SweepDirectory, reviews: ReviewBook) throws {
        reader = try SweepReader(directory)
        self.reviews = reviews
        pictures = Pictures(directory: directory)
    }

    /// Works until nothing is left, or until it is cancelled.
    ///
    /// - Returns: How many images it measured.
    /// - Throws: ``CoordinatorError`` when the database can't be read or written.
    @discardableResult
    package mutating func catchUp() async throws -> Int {
        var count = 0
        while !Task.isCancelled {
            let (reader, limit) = (reader, Self.batch + damaged.count)
            let found = try await NIOThreadPool.singleton.runIfActive { try reader.unmeasured(limit: limit) }
            let images = found.filter { !damaged.contains($0.cell) }
            guard !images.isEmpty else { return count }
            var measured: [(cell: CellKey, measures: ImageMeasures)] = []
            for image in images where !Task.isCancelled {
                let pictures = pictures
                let measures = try await NIOThreadPool.singleton.runIfActive {
                    Self.measure(image.sha256, pictures)
                }
                if let measures {
                    measured.append((image.cell, measures))
                } else {
                    damaged.insert(image.cell)
                }
            }
            if !measured.isEmpty { try await reviews.record(measured) }
            count += measured.count
        }
        return count
    }

    private static func measure(_ sha256: String, _ pictures: Pictures) -> ImageMeasures? {
        guard let image = try? pictures.image(sha256: sha256) else { return nil }
        if !pictures.hasThumbnail(sha256: sha256) { _ = try? pictures.keepThumbnail(of: image, sha256: sha256) }
        return ImageMeasures(image)
    }
}
