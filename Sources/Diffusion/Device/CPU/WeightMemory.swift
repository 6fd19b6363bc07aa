#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The memory of a device's packed weights: those that stay, and what the others pass through whenever their layer runs.
///
/// Used by one thread: the one that runs the device.
final class WeightMemory {
    /// Bytes that may stay packed; weights beyond it are read from the model's files at each use.
    var allowance = Int.max {
        didSet { if kept > allowance { for holder in holders.values { holder.weights.release() } } }
    }
    /// Bytes that stay packed now.
    private(set) var kept = 0
    private var holders: [ObjectIdentifier: Holder] = [:]
    /// Where weights are read to before they are packed, and where they are packed for a single use.
    private let source = Scratch()
    private let packed = Scratch()

    /// Gives back what no weights are in.
    func trim() {
        source.release()
        packed.release()
    }

    /// Memory for so many bytes that stay; `nil` when there is none, or no more may be kept.
    func keep(bytes: Int, for weights: PackedWeights) -> UnsafeMutablePointer<Float>? {
        guard bytes <= allowance - kept, let memory = CPUMemory.allocate(bytes) else { return nil }
        kept += bytes
        holders[ObjectIdentifier(weights)] = Holder(weights: weights)
        return memory
    }

    /// Takes back what `weights` kept.
    func takeBack(_ memory: UnsafeMutablePointer<Float>, bytes: Int, of weights: PackedWeights) {
        free(memory)
        kept -= bytes
        holders[ObjectIdentifier(weights)] = nil
    }

    /// Memory for weights as the model's file has them; the next call takes it back.
    func sourceScratch(bytes: Int) throws -> UnsafeMutablePointer<Float> { try source.memory(bytes: bytes) }

    /// Memory for packed weights; the next call takes it back.
    func packedScratch(bytes: Int) throws -> UnsafeMutablePointer<Float> { try packed.memory(bytes: bytes) }

    /// Weights that keep memory, and give it back in their deinitialiser at the latest.
    private struct Holder {
        unowned let weights: PackedWeights
    }
}

/// Memory that grows to the most that was asked for.
private final class Scratch {
    private var pointer: UnsafeMutablePointer<Float>?
    private var capacity = 0

    deinit { free(pointer) }

    func release() {
        free(pointer)
        pointer = nil
        capacity = 0
    }

    func memory(bytes: Int) throws -> UnsafeMutablePointer<Float> {
        if let pointer, bytes <= capacity { return pointer }
        release()
        guard let memory = CPUMemory.allocate(bytes) else { throw DiffusionError.outOfMemory(bytes: bytes) }
        (pointer, capacity) = (memory, bytes)
        return memory
    }
}
