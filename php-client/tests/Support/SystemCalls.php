<?php

declare(strict_types=1);

namespace Hawser\Tests\Support;

use FFI;
use RuntimeException;

/**
 * Counts the system calls of a PHP process from outside, with ptrace(2): nothing in the process can flatter the count.
 * Linux on x86-64 only.
 */
final class SystemCalls
{
    private const ATTACH = 16;
    private const SYSCALL = 24;
    private const GETREGS = 12;

    /** `struct user_regs_struct`: the number of the call, and its first argument. */
    private const ORIG_RAX = 15;
    private const RDI = 14;

    private const NAMES = [0 => 'read', 1 => 'write', 20 => 'writev', 19 => 'readv', 44 => 'send', 45 => 'receive', 46 => 'send', 47 => 'receive', 42 => 'connect', 7 => 'poll', 23 => 'select', 270 => 'select', 72 => 'fcntl'];

    public static function areCountable(): bool
    {
        return \extension_loaded('ffi') && php_uname('m') === 'x86_64' && PHP_OS_FAMILY === 'Linux';
    }

    /**
     * Runs the code in a PHP process of its own and returns, for the one socket that it connects, the system calls on
     * it afterwards, in order, by name. Code before the line `//-- count --` runs unseen.
     *
     * @param list<string> $arguments
     *
     * @return list<string>
     */
    public static function of(string $code, array $arguments): array
    {
        [$before, $counted] = explode("//-- count --\n", $code);
        $process = proc_open(
            [PHP_BINARY, '-r', $before . 'echo "ready\n"; fgets(STDIN);' . $counted, '--', ...$arguments],
            [['pipe', 'r'], ['pipe', 'w'], ['pipe', 'w']],
            $pipes,
        );
        if ($process === false) {
            throw new RuntimeException('no process');
        }
        if (fgets($pipes[1]) !== "ready\n") {
            throw new RuntimeException('the process is not ready: ' . stream_get_contents($pipes[1]) . stream_get_contents($pipes[2]));
        }
        $calls = self::trace(proc_get_status($process)['pid'], static fn() => fwrite($pipes[0], "\n"));
        $errors = stream_get_contents($pipes[1]) . stream_get_contents($pipes[2]);
        if ($errors !== '') {
            throw new RuntimeException($errors);
        }
        $connect = array_keys(array_column($calls, 0), 'connect', true);
        if (\count($connect) !== 1) {
            throw new RuntimeException('not exactly one socket was connected');
        }
        $descriptor = $calls[$connect[0]][1];

        return array_column(array_filter(\array_slice($calls, $connect[0] + 1), static fn(array $call): bool => $call[1] === $descriptor), 0);
    }

    /**
     * @param \Closure(): mixed $go
     *
     * @return list<array{string, int}> names and first arguments
     */
    private static function trace(int $pid, \Closure $go): array
    {
        $libc = FFI::cdef('long ptrace(long request, int pid, void* address, void* data); int waitpid(int pid, int* status, int options);');
        $status = $libc->new('int');
        $registers = $libc->new('unsigned long long[27]');
        if ($libc->ptrace(self::ATTACH, $pid, null, null) !== 0) { // @phpstan-ignore method.notFound (FFI)
            throw new RuntimeException('ptrace is not allowed here');
        }
        $libc->waitpid($pid, FFI::addr($status), 0); // @phpstan-ignore method.notFound, argument.type (FFI)
        $go();
        $calls = [];
        for ($isEntry = true; ; $isEntry = !$isEntry) {
            $libc->ptrace(self::SYSCALL, $pid, null, null); // @phpstan-ignore method.notFound (FFI)
            $libc->waitpid($pid, FFI::addr($status), 0); // @phpstan-ignore method.notFound, argument.type (FFI)
            if (($status->cdata & 0xFF) !== 0x7F) { // @phpstan-ignore property.nonObject, binaryOp.invalid (FFI)
                return $calls;
            }
            $libc->ptrace(self::GETREGS, $pid, null, FFI::addr($registers)); // @phpstan-ignore method.notFound, argument.type (FFI)
            if ($isEntry) {
                $number = $registers[self::ORIG_RAX]; // @phpstan-ignore offsetAccess.notFound (FFI)
                $argument = $registers[self::RDI]; // @phpstan-ignore offsetAccess.notFound (FFI)
                $calls[] = [self::NAMES[\is_int($number) ? $number : -1] ?? 'other', \is_int($argument) ? $argument & 0xFFFFFFFF : -1];
            }
        }
    }
}
