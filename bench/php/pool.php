<?php

declare(strict_types=1);

// The PHP processes of one contender, forked from one as a PHP-FPM pool's are: what OPcache holds is in memory once, not
// once for each. Arguments: how many processes, and where to send, as JSON (see Target). It prints "ready" and the
// processes' ids, then reads Jobs as JSON, one a line; all processes do the job at once, and each prints what it
// measured as a line of JSON.

use HawserBench\Job;
use HawserBench\Target;

require __DIR__ . '/vendor/autoload.php';

if (!extension_loaded('pcntl')) {
    fwrite(STDERR, "the bench forks its PHP processes: it needs PHP of the command line with pcntl\n");
    exit(2);
}
$target = Target::of(json_decode($argv[2], true, flags: JSON_THROW_ON_ERROR));
/** @var array<int, resource> $processes the parent's end to each, by process id */
$processes = [];
for ($i = 0; $i < (int) $argv[1]; $i++) {
    [$parentEnd, $childEnd] = stream_socket_pair(STREAM_PF_UNIX, STREAM_SOCK_STREAM, 0);
    $pid = pcntl_fork();
    if ($pid === 0) {
        // Whoever held another's end would keep it from seeing that the parent is gone.
        array_map(fclose(...), [...$processes, $parentEnd, STDIN]);
        foreach (lines($childEnd) as $line) {
            fwrite($childEnd, json_encode(Job::fromJson($line)->run($target), JSON_THROW_ON_ERROR) . "\n");
        }
        exit(0);
    }
    fclose($childEnd);
    $processes[$pid] = $parentEnd;
}
echo 'ready ', implode(' ', array_keys($processes)), "\n";
foreach (lines(STDIN) as $line) {
    foreach ($processes as $end) {
        fwrite($end, $line);
    }
    foreach ($processes as $end) {
        // False where the process died: the line that is missing says so.
        echo fgets($end);
    }
}

/**
 * The lines of a socket to its end, however long it is silent: PHP would give one up after 60 seconds.
 *
 * @param resource $socket
 *
 * @return Generator<string>
 */
function lines($socket): Generator
{
    stream_set_timeout($socket, 86_400);
    while (($line = fgets($socket)) !== false) {
        yield $line;
    }
}
