/// Counts the memory that the CPU would take, as its buffer pool takes it.
final class MemoryMeter {
    private var free: [Int: Int] = [:]
    /// Bytes of all buffers, in use or free.
    private(set) var pooledBytes = 0
    /// Bytes of packed weights that are in memory now.
    private(set) var weights = 0
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
        for (capacity, count) in free { pooledBytes -= capacity * count * MemoryLayout<Float>.stride }
        free.removeAll()
    }

    /// Packs so many weights, beside the copy that they are packed from.
    func pack(count: Int) {
        let bytes = count * MemoryLayout<Float>.stride
        weights += bytes
        note(beside: bytes)
    }

    /// Lets go of packed weights.
    func unpack(count: Int) {
        weights -= count * MemoryLayout<Float>.stride
    }

    private func note(beside more: Int = 0) {
        guard pooledBytes + weights + more > peak else { return }
        peak = pooledBytes + weights + more
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
