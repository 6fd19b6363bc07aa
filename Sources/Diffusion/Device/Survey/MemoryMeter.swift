/// Counts the memory that the CPU would take, as its buffer pool takes it.
final class MemoryMeter {
    private var free: [Int: Int] = [:]
    /// Bytes of all buffers, in use or free.
    private(set) var pooledBytes = 0
    /// Bytes that packed weights may take.
    var allowance = Int.max
    /// Bytes of packed weights that are in memory now.
    private(set) var weights = 0
    /// What weights pass through on their way, and for a single use.
    private var scratch: (source: Int, packed: Int) = (0, 0)
    /// The most bytes at any time, of weights and everything else.
    private(set) var peak = 0
    /// The packed weights at that time.
    private(set) var peakWeights = 0

    /// Takes a buffer for so many floats.
    func buffer(count: Int) -> MeteredBuffer {
        let capacity = CPUBufferPool.capacity(for: max(count, 1))
        if let available = free[capacity], available > 0 {
            free[capacity] = available - 1
        } else {
            pooledBytes += capacity * MemoryLayout<Float>.stride
            note()
        }
        return MeteredBuffer(capacity: capacity, meter: self)
    }

    fileprivate func takeBack(capacity: Int) {
        free[capacity, default: 0] += 1
    }

    /// Gives free buffers back.
    func trim() {
        scratch = (0, 0)
        for (capacity, count) in free { pooledBytes -= capacity * count * MemoryLayout<Float>.stride }
        free.removeAll()
    }

    /// Packs so many weights, as ``WeightMemory`` would on a processor that wants a layout of its own.
    ///
    /// - Parameters:
    ///   - count: of the weights as they are packed.
    ///   - transformed: how many numbers they are made of, if not as many.
    ///   - precision: What they are packed in; they are read as floats.
    /// - Returns: whether they stay.
    func pack(count: Int, transformed: Int?, in precision: Precision) -> Bool {
        let bytes = count * precision.bytes
        let isKept = bytes <= allowance - weights
        if isKept { weights += bytes } else { scratch.packed = max(scratch.packed, bytes) }
        // In bfloat16 weights are transformed as they are packed, else before.
        let read = precision == .bf16 ? transformed ?? count : count
        scratch.source = max(scratch.source, read * MemoryLayout<Float>.stride)
        note(beside: precision == .bf16 ? 0 : (transformed ?? 0) * MemoryLayout<Float>.stride)
        return isKept
    }

    /// Lets go of packed weights.
    func unpack(count: Int, in precision: Precision) {
        weights -= count * precision.bytes
    }

    private func note(beside more: Int = 0) {
        let bytes = pooledBytes + weights + scratch.source + scratch.packed + more
        guard bytes > peak else { return }
        peak = bytes
        peakWeights = weights
    }
}

/// A buffer that is counted, but not there.
final class MeteredBuffer: TensorStorage {
    private let capacity: Int
    private let meter: MemoryMeter

    fileprivate init(capacity: Int, meter: MemoryMeter) {
        self.capacity = capacity
        self.meter = meter
    }

    deinit { meter.takeBack(capacity: capacity) }
}
