<?php

declare(strict_types=1);

// One PHP worker of the NAT lab: sends at a given pace instead of as fast as it can. Its argument says where to send, as
// JSON (see Target); for each line of standard input, {"path", "expect", "everyMs", "phaseMs", "seconds"}, it prints what
// came of it as one line of JSON.

use HawserBench\Target;

require __DIR__ . '/vendor/autoload.php';

$target = Target::of(json_decode($argv[1], true, flags: JSON_THROW_ON_ERROR));
// Standard input is a socket here, and PHP would give one up after 60 seconds of silence.
stream_set_timeout(STDIN, 86_400);
fwrite(STDOUT, "ready\n");
while (($line = fgets(STDIN)) !== false) {
    $job = json_decode($line, true, flags: JSON_THROW_ON_ERROR);
    fwrite(STDOUT, json_encode(pace($target, $job), JSON_THROW_ON_ERROR) . "\n");
}

/**
 * @param array{path: string, expect: int, everyMs: float, phaseMs: float, seconds: float} $job
 *
 * @return array{requests: int, errors: int, messages: list<string>}
 */
function pace(Target $target, array $job): array
{
    $requests = 0;
    $errors = 0;
    $messages = [];
    $startedAt = hrtime(true);
    $until = $startedAt + $job['seconds'] * 1e9;
    $next = $startedAt + $job['phaseMs'] * 1e6;
    while ($next < $until) {
        $waitNs = $next - hrtime(true);
        if ($waitNs > 0) {
            usleep((int) ($waitNs / 1000));
        }
        try {
            $bytes = $target->open()->get($job['path']);
            if ($bytes !== $job['expect']) {
                throw new UnexpectedValueException("{$bytes} octets came instead of {$job['expect']}");
            }
        } catch (Throwable $error) {
            $errors++;
            $messages[$error::class . ': ' . $error->getMessage()] = true;
        }
        $requests++;
        // A worker that is behind sends at once, and lets go of the turns that it missed altogether.
        $next = max($next + $job['everyMs'] * 1e6, hrtime(true) - $job['everyMs'] * 1e6);
    }

    return ['requests' => $requests, 'errors' => $errors, 'messages' => array_slice(array_keys($messages), 0, 3)];
}
