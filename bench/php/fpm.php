<?php

declare(strict_types=1);

// What the PHP-FPM pool of the bench runs: one application request that makes several calls upstream, one after the
// other. The query string holds the Target as JSON in `target`, and `path`, `calls` and `expect`, the octets of each body.

use HawserBench\Target;

require __DIR__ . '/vendor/autoload.php';

$target = Target::of(json_decode($_GET['target'], true, flags: JSON_THROW_ON_ERROR));
if ($target->socket !== null) {
    putenv("HAWSER_SOCKET={$target->socket}");
    putenv('HAWSER_FALLBACK=fail');
}
try {
    $transport = $target->open();
    for ($i = 0; $i < (int) $_GET['calls']; $i++) {
        $bytes = $transport->get($_GET['path']);
        if ($bytes !== (int) $_GET['expect']) {
            throw new UnexpectedValueException("{$bytes} octets came instead of {$_GET['expect']}");
        }
    }
    echo 'done';
} catch (Throwable $error) {
    http_response_code(500);
    echo $error::class, ': ', $error->getMessage();
}
