package import Coordinator
import NIOPosix
import SharedModel

/// Measures images as they arrive, makes their thumbnails, and reads what is written on them where that is wanted.
///
/// One image at a time: the host may be rendering too.
package struct Curator: Sendable {
    /// Images whose measures share a transaction.
    private static let batch = 32

    private let reader: SweepReader
    private let reviews: ReviewBook
    private let pictures: Pictures
    private var boardReader: BoardReader?
    /// Images that can't be read, so that they are not tried for ever.
    private var damaged: Set<CellKey> = []

    /// - Parameters:
    ///   - directory: Of the sweep.
    ///   - reviews: Where measures go.
    ///   - boardReader: What reads the writing on images; `nil` leaves it unread.
    /// - Throws: ``CoordinatorError`` when the database can't be read.
    package init(_ directory: SweepDirectory, reviews: ReviewBook, boardReader: BoardReader? = nil) throws {
        reader = try SweepReader(directory)
        self.reviews = reviews
        self.boardReader = boardReader
        pictures = Pictures(directory: directory)
    }

    /// Works until nothing is left, or until it is cancelled.
    ///
    /// - Parameter progress: Called after each step with how many images were measured, and how many read, in all.
    /// - Returns: How many images it measured and how many it read.
    /// - Throws: ``CoordinatorError`` when the database can't be read or written, or a program fails.
    @discardableResult
    package mutating func catchUp(
        progress: (_ measured: Int, _ read: Int) -> Void = { _, _ in }
    ) async throws -> (measured: Int, read: Int) {
        var (measured, read) = (0, 0)
        while !Task.isCancelled {
            // Measuring is quick, so images that have arrived meanwhile come before the next one is read.
            if let count = try await measureSome() {
                measured += count
            } else if try await readOne() {
                read += 1
            } else {
                break
            }
            progress(measured, read)
        }
        return (measured, read)
    }

    /// Leaves the writing on images unread from now on.
    mutating func stopReading() {
        boardReader = nil
    }

    /// - Returns: How many were measured; `nil` when there was none to measure.
    private mutating func measureSome() async throws -> Int? {
        let (reader, limit) = (reader, Self.batch + damaged.count)
        let found = try await NIOThreadPool.singleton.runIfActive { try reader.unmeasured(limit: limit) }
        let images = found.filter { !damaged.contains($0.cell) }
        guard !images.isEmpty else { return nil }
        var measured: [(cell: CellKey, measures: ImageMeasures)] = []
        for image in images where !Task.isCancelled {
            let pictures = pictures
            let measures = try await NIOThreadPool.singleton.runIfActive { Self.measure(image.sha256, pictures) }
            if let measures {
                measured.append((image.cell, measures))
            } else {
                damaged.insert(image.cell)
            }
        }
        if !measured.isEmpty { try await reviews.record(measured) }
        return measured.count
    }

    /// - Returns: Whether there was an image to read.
    private mutating func readOne() async throws -> Bool {
        guard let boardReader else { return false }
        let (reader, pictures, limit) = (reader, pictures, 1 + damaged.count)
        let found = try await NIOThreadPool.singleton.runIfActive { try reader.unread(limit: limit) }
        guard let image = found.first(where: { !damaged.contains($0.cell) }) else { return false }
        let pixels = try await NIOThreadPool.singleton.runIfActive { try? pictures.image(sha256: image.sha256) }
        if let pixels {
            try await reviews.record(try await boardReader.read(pixels), of: image.cell)
        } else {
            damaged.insert(image.cell)
        }
        return true
    }

    private static func measure(_ sha256: String, _ pictures: Pictures) -> ImageMeasures? {
        guard let image = try? pictures.image(sha256: sha256) else { return nil }
        if !pictures.hasThumbnail(sha256: sha256) { _ = try? pictures.keepThumbnail(of: image, sha256: sha256) }
        return ImageMeasures(image)
    }
}
