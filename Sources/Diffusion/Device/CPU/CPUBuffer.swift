#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Single-precision memory aligned to a cache line; it goes back to its pool with the last reference.
final class CPUBuffer: TensorStorage {
    let pointer: UnsafeMutablePointer<Float>
    let capacity: Int
    private let pool: CPUBufferPool

    fileprivate init(pointer: UnsafeMutablePointer<Float>, capacity: Int, pool: CPUBufferPool) {
        self.pointer = pointer
        self.capacity = capacity
        self.pool = pool
    }

    deinit { pool.takeBack(pointer, capacity: capacity) }
}

/// Keeps freed buffers by size, so that a sampling step allocates nothing after the first.
///
/// Used by one thread: the one that runs the device.
final class CPUBufferPool {
    private var free: [Int: [UnsafeMutablePointer<Float>]] = [:]
    /// Bytes of all buffers, in use or free.
    private(set) var bytes = 0 {
        didSet { peakBytes = max(peakBytes, bytes) }
    }
    /// The most that they were at any time.
    private(set) var peakBytes = 0

    deinit { trim() }

    /// Gives the memory of all free buffers back to the system.
    func trim() {
        for (capacity, pointers) in free {
            for pointer in pointers { Glibc.free(pointer) }
            bytes -= pointers.count * capacity * MemoryLayout<Float>.stride
        }
        free.removeAll()
    }

    /// - Throws: ``DiffusionError/outOfMemory(bytes:)``.
    func buffer(count: Int) throws -> CPUBuffer {
        let capacity = Self.capacity(for: max(count, 1))
        if let pointer = free[capacity]?.popLast() {
            return CPUBuffer(pointer: pointer, capacity: capacity, pool: self)
        }
        let bytes = capacity * MemoryLayout<Float>.stride
        var memory = CPUMemory.allocate(bytes)
        if memory == nil {
            trim()
            memory = CPUMemory.allocate(bytes)
        }
        guard let memory else { throw DiffusionError.outOfMemory(bytes: bytes) }
        self.bytes += bytes
        return CPUBuffer(pointer: memory, capacity: capacity, pool: self)
    }

    /// Rounds up to an eighth of the power of two below, so that nearly equal sizes share buffers.
    static func capacity(for count: Int) -> Int {
        let step = max(16, (1 << (Int.bitWidth - 1 - count.leadingZeroBitCount)) / 8)
        return (count + step - 1) / step * step
    }

    fileprivate func takeBack(_ pointer: UnsafeMutablePointer<Float>, capacity: Int) {
        free[capacity, default: []].append(pointer)
    }
}
