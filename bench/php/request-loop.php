<?php

declare(strict_types=1);

// One PHP process of the demo: waits for a line on standard input, sends requests one after the other, and prints what
// it measured as JSON. Arguments: curl|hawser, URL, number of requests, path of the CA file.

use Hawser\Client;

require __DIR__ . '/../../php-client/vendor/autoload.php';

[, $transport, $url, $count, $caFile] = $argv;

/** @var Closure(): string $send sends one request and returns the body */
$send = match ($transport) {
    // What FPM does today: nothing outlives the PHP request, so every call opens a connection.
    'curl' => static function () use ($url, $caFile): string {
        $handle = curl_init($url);
        curl_setopt_array($handle, [CURLOPT_RETURNTRANSFER => true, CURLOPT_CAINFO => $caFile, CURLOPT_TIMEOUT => 10]);
        $body = curl_exec($handle);
        if ($body === false || curl_getinfo($handle, CURLINFO_RESPONSE_CODE) !== 200) {
            throw new RuntimeException('curl: ' . curl_error($handle));
        }
        curl_close($handle);

        return (string) $body;
    },
    // A new client each time, as a PHP-FPM request would make it.
    'hawser' => static fn(): string => (new Client())->request('GET', $url)->body(),
    default => throw new InvalidArgumentException("transport is '{$transport}'; allowed: curl, hawser"),
};

// Standard input is a socket here, and PHP would give one up after 60 seconds of silence.
stream_set_timeout(STDIN, 86_400);
fwrite(STDOUT, "ready\n");
fgets(STDIN);

$latenciesMs = [];
$errors = [];
$cpuBefore = cpuMicroseconds();
$startedAt = hrtime(true);
for ($i = 0; $i < (int) $count; $i++) {
    $sentAt = hrtime(true);
    try {
        $body = $send();
        if ($body === '') {
            $errors[] = 'an empty body';
        }
    } catch (Throwable $error) {
        $errors[] = $error::class . ': ' . $error->getMessage();
    }
    $latenciesMs[] = (hrtime(true) - $sentAt) / 1e6;
}
$wallMs = (hrtime(true) - $startedAt) / 1e6;
$cpuUs = cpuMicroseconds() - $cpuBefore;

echo json_encode(compact('latenciesMs', 'wallMs', 'cpuUs', 'errors'), JSON_THROW_ON_ERROR), "\n";

function cpuMicroseconds(): int
{
    $usage = getrusage();

    return ($usage['ru_utime.tv_sec'] + $usage['ru_stime.tv_sec']) * 1_000_000
        + $usage['ru_utime.tv_usec'] + $usage['ru_stime.tv_usec'];
}
