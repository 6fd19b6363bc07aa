import Crypto
import Foundation
import SharedModel

/// Tells two plans apart without keeping them.
struct PlanDigest {
    private var hash = SHA256()

    /// SHA-256, 64 lower-case hexadecimal digits, of everything that the plan shows, renders and grants.
    static func digest(of plan: SweepPlan) -> String {
        var digest = PlanDigest()
        digest.add(plan)
        return Hexadecimal.encode(digest.hash.finalize())
    }

    private mutating func add(_ plan: SweepPlan) {
        add(plan.name)
        add(plan.source)
        add(plan.positions.count)
        for position in plan.positions {
            for text in [
                position.cell.hex, position.model, position.prompt, position.negativePrompt, position.style,
                position.guidance.description, position.sampler.rawValue,
            ] {
                add(text)
            }
            for number in [position.index, position.steps, position.width, position.height] { add(number) }
            add(position.seed)
            for (fingerprint, name) in position.files.sorted(by: { $0.key < $1.key }) {
                add(fingerprint)
                add(name)
            }
        }
        add(plan.cells.count)
        for cell in plan.cells {
            add(cell.key.hex)
            add(cell.firstPosition)
        }
        add(plan.shards.count)
        for shard in plan.shards {
            add(shard.cells.count)
            for key in shard.cells { add(key.hex) }
        }
    }

    /// The length keeps neighbouring texts apart.
    private mutating func add(_ text: String) {
        add(text.utf8.count)
        var text = text
        text.withUTF8 { hash.update(bufferPointer: UnsafeRawBufferPointer($0)) }
    }

    private mutating func add(_ number: some FixedWidthInteger) {
        withUnsafeBytes(of: number.littleEndian) { hash.update(bufferPointer: $0) }
    }
}
