<?php

declare(strict_types=1);

namespace Hawser\Tests\Support;

use Closure;
use RuntimeException;

/**
 * A program of this repository's TypeScript packages, run with the repository's own Node.
 */
final class NodeProcess
{
    private const ROOT = __DIR__ . '/../../..';

    /** @var resource */
    private readonly mixed $process;

    /** @var resource the end of it ends the process too */
    private readonly mixed $input;

    private readonly string $log;

    /**
     * @param list<string>           $arguments
     * @param Closure(string): mixed $isReady   gets what the process has printed so far
     */
    public function __construct(string $script, array $arguments, Closure $isReady)
    {
        $this->log = (string) tempnam(sys_get_temp_dir(), 'hawser-test-');
        $process = proc_open([self::node(), self::ROOT . "/packages/{$script}", ...$arguments], [['pipe', 'r'], ['file', $this->log, 'w'], ['file', $this->log, 'w']], $pipes);
        if ($process === false) {
            throw new RuntimeException("{$script} does not start");
        }
        $this->process = $process;
        $this->input = $pipes[0];
        $end = microtime(true) + 20;
        while (!(bool) $isReady($this->output())) {
            if (microtime(true) > $end || !proc_get_status($process)['running']) {
                $output = $this->output();
                $this->end();

                throw new RuntimeException("{$script} is not ready: {$output}");
            }
            usleep(10_000);
        }
    }

    public function __destruct()
    {
        $this->end();
    }

    /** Whether the packages are there, or only this composer package is. */
    public static function isAvailable(): bool
    {
        return is_file(self::ROOT . '/packages/broker/src/main.ts') && is_executable(self::node());
    }

    public function output(): string
    {
        return (string) file_get_contents($this->log);
    }

    private function end(): void
    {
        proc_terminate($this->process, \SIGKILL);
        fclose($this->input);
        proc_close($this->process);
        unlink($this->log);
    }

    private static function node(): string
    {
        return self::ROOT . '/node_modules/.bin/node';
    }
}
