import Crypto
import Foundation
import SharedModel

/// Tells two plans apart without keeping them.
struct PlanDigest {
    /// Bytes that are hashed at a time: each call has its price, and a plan has millions of short texts.
    private static let pieceBytes = 64 * 1024

    private var hash = SHA256()
    private var pending: [UInt8] = []
    private var guidances: [Decimal: [UInt8]] = [:]
    private var last: Position?
    /// The texts of the last position, as they are hashed.
    private var texts: [UInt8] = []

    /// SHA-256, 64 lower-case hexadecimal digits, of everything that the plan shows, renders and grants.
    static func digest(of plan: SweepPlan) -> String {
        var digest = PlanDigest()
        digest.pending.reserveCapacity(2 * pieceBytes)
        digest.add(plan)
        digest.hash.update(data: digest.pending)
        return Hexadecimal.encode(digest.hash.finalize())
    }

    private mutating func add(_ plan: SweepPlan) {
        add(plan.name)
        add(plan.source)
        add(plan.positions.count)
        for position in plan.positions {
            add(position.cell)
            if position.index.isMultiple(of: plan.positions.runLength) { findTexts(of: position) }
            append(texts)
            add(text(of: position.guidance))
            add(position.sampler.rawValue)
            for number in [position.index, position.steps, position.width, position.height] { add(number) }
            add(position.seed)
            for (fingerprint, name) in position.files.sorted(by: { $0.key < $1.key }) {
                add(fingerprint)
                add(name)
            }
        }
        add(plan.cells.count)
        for cell in plan.cells {
            add(cell.key)
            add(cell.firstPosition)
        }
        add(plan.shards.count)
        for shard in plan.shards {
            add(shard.cells.count)
            for key in shard.cells { add(key) }
        }
        if let preview = plan.preview { add(preview.fingerprint) }
    }

    /// The same for thousands of positions in a row.
    private mutating func findTexts(of position: Position) {
        if last.map({ !position.sharesTexts(with: $0) }) ?? true {
            texts = [position.model, position.prompt, position.negativePrompt, position.style].flatMap { text in
                Self.bytes(of: text.utf8.count) + Array(text.utf8)
            }
            last = position
        }
    }

    private mutating func text(of guidance: Decimal) -> [UInt8] {
        if let text = guidances[guidance] { return text }
        let text = Array(guidance.description.utf8)
        guidances[guidance] = text
        return text
    }

    private mutating func add(_ key: CellKey) {
        add(CellKey.digits)
        key.appendHex(to: &pending)
        flush()
    }

    /// The length keeps neighbouring texts apart.
    private mutating func add(_ text: String) {
        add(text.utf8.count)
        append(text.utf8)
    }

    private mutating func add(_ text: [UInt8]) {
        add(text.count)
        append(text)
    }

    private mutating func add(_ number: some FixedWidthInteger) {
        withUnsafeBytes(of: number.littleEndian) { append($0) }
    }

    private static func bytes(of number: some FixedWidthInteger) -> [UInt8] {
        withUnsafeBytes(of: number.littleEndian) { Array($0) }
    }

    private mutating func append(_ bytes: some Collection<UInt8>) {
        pending.append(contentsOf: bytes)
        flush()
    }

    private mutating func flush() {
        guard pending.count >= Self.pieceBytes else { return }
        hash.update(data: pending)
        pending.removeAll(keepingCapacity: true)
    }
}
